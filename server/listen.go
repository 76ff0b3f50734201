package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/relaishq/relais/server/config"
)

// listen listens on an address that config has checked: loopback, or a unix socket for this user only.
func listen(ctx context.Context, a config.Address) (net.Listener, error) {
	var lc net.ListenConfig
	if a.Network != "unix" {
		return lc.Listen(ctx, a.Network, a.Address)
	}
	if err := os.MkdirAll(filepath.Dir(a.Address), 0o700); err != nil {
		return nil, err
	}
	if err := removeStaleSocket(ctx, a.Address); err != nil {
		return nil, err
	}
	return listenPrivately(ctx, &lc, a.Address)
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

// removeStaleSocket removes a socket that a killed server left behind. One that somebody listens on, or a file that is no
// socket, is left alone.
func removeStaleSocket(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s exists and is no socket; move it away or choose another path", path)
	}
	dialer := net.Dialer{Timeout: time.Second}
	if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
		_ = conn.Close()
		return fmt.Errorf("another server listens on %s; stop it or choose another path", path)
	}
	return os.Remove(path)
}
