package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/relaishq/relais/server/config"
)

// places are where the server will listen.
type places struct{ public, admin *reservation }

// reserveAll finds out whether the server can listen everywhere, before anything else is done. The network's address comes first: it is
// taken without a trace on the disk.
func reserveAll(ctx context.Context, cfg config.Config) (*places, error) {
	if err := checkDirectories(cfg); err != nil {
		return nil, err
	}
	public, err := reserve(ctx, cfg.Listen, "listen")
	if err != nil {
		return nil, err
	}
	admin, err := reserve(ctx, config.Address{Network: "unix", Address: cfg.AdminSocket}, "admin_socket")
	if err != nil {
		return nil, errors.Join(err, public.release())
	}
	return &places{public, admin}, nil
}

// release gives back what nobody listens on.
func (p *places) release() error { return errors.Join(p.public.release(), p.admin.release()) }

// reservation is an address that was found free. An address of the network is taken from then on; who connects waits until it is served.
// A socket's path is only looked at: to take it is for whoever holds the database, else of two servers that start at once over one
// directory the one that has to give up could have the socket.
type reservation struct {
	address  config.Address
	setting  string       // the name of the setting that says it
	listener net.Listener // of the network, until somebody listens
}

// reserve finds out whether the server can listen on an address that config has checked: loopback, or a unix socket for this user only.
func reserve(ctx context.Context, a config.Address, setting string) (*reservation, error) {
	r := &reservation{address: a, setting: setting}
	var err error
	if a.Network != "unix" {
		if r.listener, err = new(net.ListenConfig).Listen(ctx, a.Network, a.Address); err != nil {
			return nil, r.explain(err)
		}
		return r, nil
	}
	dir := filepath.Dir(a.Address)
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, r.explain(err)
	}
	if _, err = staleSocket(ctx, a.Address); err != nil {
		return nil, r.explain(err)
	}
	probe, err := os.MkdirTemp(dir, ".s") // as listenPrivately will
	if err != nil {
		return nil, r.explain(err)
	}
	if err := os.Remove(probe); err != nil {
		return nil, r.explain(err)
	}
	return r, nil
}

// listen listens on the address. It is called once.
func (r *reservation) listen(ctx context.Context) (net.Listener, error) {
	if l := r.listener; l != nil {
		r.listener = nil
		return l, nil
	}
	stale, err := staleSocket(ctx, r.address.Address)
	if err == nil && stale {
		err = os.Remove(r.address.Address)
	}
	if err != nil {
		return nil, r.explain(err)
	}
	l, err := listenPrivately(ctx, new(net.ListenConfig), r.address.Address)
	if err != nil {
		return nil, r.explain(err)
	}
	return l, nil
}

// release gives the address back, unless somebody listens on it.
func (r *reservation) release() error {
	if r.listener == nil {
		return nil
	}
	return r.listener.Close()
}

// errSocketTaken and errNoSocket are why a path cannot be listened on.
var (
	errSocketTaken = errors.New("another server listens there; stop it, or choose another path")
	errNoSocket    = errors.New("there is a file that is no socket; move it away, or choose another path")
)

// explain says what to do about an address that cannot be listened on.
func (r *reservation) explain(err error) error {
	why := err
	var call *os.SyscallError
	var file *fs.PathError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = errors.New("another program listens there; stop it, or choose another address")
	case errors.Is(err, fs.ErrPermission) && r.address.Network == "unix":
		why = errors.New("this user may not make a socket there; change the directory's owner, or choose another path")
	case errors.Is(err, fs.ErrPermission):
		why = errors.New("this user may not use that port; choose one from 1024 up")
	case errors.As(err, &call): // what is around it repeats the address
		why = call.Err
	case errors.As(err, &file):
		why = file.Err
	}
	return fmt.Errorf("%s: cannot listen on %s: %w", r.setting, r.address.Address, why)
}

// checkDirectories wants every file that the configuration names to lie in a directory that is there, or that one step makes: a path with
// a typing mistake must not grow a tree somewhere.
func checkDirectories(cfg config.Config) error {
	type place struct{ setting, dir string }
	named := []place{
		{"data_dir", cfg.DataDir}, {"database", filepath.Dir(cfg.Database)}, {"key_file", filepath.Dir(cfg.KeyFile)},
		{"admin_socket", filepath.Dir(cfg.AdminSocket)},
	}
	if cfg.Listen.Network == "unix" {
		named = append(named, place{"listen", filepath.Dir(cfg.Listen.Address)})
	}
	for _, p := range named {
		info, err := os.Stat(p.dir)
		above := filepath.Dir(filepath.Clean(p.dir))
		switch {
		case err == nil && info.IsDir():
			continue
		case err == nil:
			return fmt.Errorf("%s: %s is no directory; choose another path", p.setting, p.dir)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %w", p.setting, err)
		case slices.ContainsFunc(named, func(other place) bool { return filepath.Clean(other.dir) == above }):
			continue // made first, or refused itself
		}
		if _, err := os.Stat(above); err != nil {
			return fmt.Errorf("%s: %s is not there, so %s cannot be made; make it, or choose another path", p.setting, above, p.dir)
		}
	}
	return nil
}

// listenPrivately makes a unix socket of mode 0600. It is made in a directory of its own and moved, so that it is open to
// nobody else even for a moment; a umask would do the same to files that other goroutines make meanwhile.
func listenPrivately(ctx context.Context, lc *net.ListenConfig, path string) (_ net.Listener, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	made := filepath.Join(dir, "s")
	l, err := lc.Listen(ctx, "unix", made)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // it would unlink the path where it was made
	if err = os.Chmod(made, 0o600); err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &privateListener{Listener: l, path: path}, nil
}

// privateListener removes its socket when it is closed.
type privateListener struct {
	net.Listener
	path string
}

// Addr is where the socket was moved to.
func (l *privateListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Close stops listening and removes the socket.
func (l *privateListener) Close() error {
	err := l.Listener.Close()
	if removeErr := os.Remove(l.path); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
		err = errors.Join(err, removeErr)
	}
	return err
}

// staleSocket reports whether a killed server left a socket behind. One that somebody listens on, or a file that is no socket, is an
// error.
func staleSocket(ctx context.Context, path string) (bool, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Mode().Type() != fs.ModeSocket:
		return false, errNoSocket
	}
	dialer := net.Dialer{Timeout: time.Second}
	if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
		_ = conn.Close()
		return false, errSocketTaken
	}
	return true, nil
}
