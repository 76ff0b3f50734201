package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// scan finds the adapter binaries: name to path.
func (h *Host) scan(ctx context.Context) (map[string]string, error) {
	entries, err := os.ReadDir(h.cfg.PluginDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the plugin directory: %w", err)
	}
	found := make(map[string]string)
	for _, entry := range entries {
		name, ours := strings.CutPrefix(entry.Name(), handshake.FilePrefix)
		switch {
		case !ours:
			continue
		case !validName(name):
			h.cfg.Logger.WarnContext(ctx, "adapter file ignored: the name after the prefix may hold a-z, 0-9 and - only",
				slog.String("file", entry.Name()))
		default:
			found[name] = filepath.Join(h.cfg.PluginDir, entry.Name())
		}
	}
	if len(found) == 0 {
		h.cfg.Logger.WarnContext(ctx, "no adapters in the plugin directory",
			slog.String("dir", h.cfg.PluginDir), slog.String("expected", handshake.FilePrefix+"{adapter}"))
	}
	return found, nil
}

// validName reports whether a name is one that an adapter may have: lower-case letters, digits and "-", as DescribeResponse.adapter
// says, and short enough for a resource name.
func validName(name string) bool {
	const maxLength = 63
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return name != "" && len(name) <= maxLength && !strings.ContainsFunc(name, odd)
}

// release is a copy of an adapter binary that is launched instead of the original: replacing the file in the plugin directory then
// changes nothing under a running server, and a restart runs exactly what ran before.
type release struct {
	path   string
	sha256 string // hexadecimal
}

// workDir is the directory that one host has to itself.
type workDir struct {
	lock     *os.File
	releases string // copies, each in a directory named by its hash
	sockets  string
}

// openWorkDir makes and locks the directory, and removes what a host that was killed left there.
func openWorkDir(path string) (*workDir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the adapters' work directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the adapters' work directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the adapters' work directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another relais server uses %s; stop it or give this one another data directory: %w", path, err)
	}
	w := &workDir{lock: lock, releases: filepath.Join(path, "releases"), sockets: filepath.Join(path, "sockets")}
	if err := errors.Join(w.clear(), os.Mkdir(w.releases, 0o700), w.makeSockets()); err != nil {
		w.close()
		return nil, fmt.Errorf("prepare the adapters' work directory: %w", err)
	}
	return w, nil
}

// farSockets begins the name of a sockets directory that lies elsewhere.
const farSockets = "relais-host-"

// makeSockets makes the directory for sockets. Where the path is too long for a socket's address, it lies among the temporary
// files, and a link tells the next host where, in case this one cannot remove it.
func (w *workDir) makeSockets() error {
	if launch.SocketDirFits(w.sockets) {
		return os.Mkdir(w.sockets, 0o700)
	}
	far, err := os.MkdirTemp("", farSockets+"*")
	if err != nil {
		return err
	}
	link := w.sockets
	w.sockets = far
	return os.Symlink(far, link)
}

// clear removes everything but the lock.
func (w *workDir) clear() error {
	link := filepath.Join(filepath.Dir(w.releases), "sockets")
	var err error
	if far, readErr := os.Readlink(link); readErr == nil && strings.HasPrefix(filepath.Base(far), farSockets) {
		err = os.RemoveAll(far)
	}
	return errors.Join(err, os.RemoveAll(w.releases), os.RemoveAll(link))
}

// close removes everything and lets another host in. What cannot be removed now is removed by the next host.
func (w *workDir) close() {
	_ = w.clear()
	// Unlocked before it is closed: a process that is being forked at this moment holds the file open a little longer.
	_ = syscall.Flock(int(w.lock.Fd()), syscall.LOCK_UN)
	_ = w.lock.Close()
}

// install copies a binary into the directory while hashing it, so that what was hashed is what runs.
func (w *workDir) install(name, source string) (installed *release, err error) {
	in, err := os.Open(source)
	if err != nil {
		return nil, fmt.Errorf("read the adapter's file: %w", err)
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the adapter's file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return nil, &launch.StartError{
			Path: source, Reason: launch.ErrNotExecutable, Detail: "mode " + info.Mode().String(),
			Advice: "it must be a regular file with execute permission (chmod +x)",
		}
	}
	out, err := os.CreateTemp(w.releases, "incoming-*")
	if err != nil {
		return nil, fmt.Errorf("copy the adapter's file: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(out.Name())
		}
	}()
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, hash), in)
	if err = errors.Join(err, out.Chmod(0o500), out.Close()); err != nil {
		return nil, fmt.Errorf("copy the adapter's file: %w", err)
	}
	installed = &release{sha256: hex.EncodeToString(hash.Sum(nil))}
	dir := filepath.Join(w.releases, installed.sha256)
	installed.path = filepath.Join(dir, handshake.FilePrefix+name)
	if err = os.MkdirAll(dir, 0o700); err == nil {
		err = os.Rename(out.Name(), installed.path)
	}
	if err != nil {
		return nil, fmt.Errorf("copy the adapter's file: %w", err)
	}
	return installed, nil
}

// remove removes a copy that is of no use any more. What stays behind is removed with the directory.
func (w *workDir) remove(r *release) {
	_ = os.Remove(r.path)
	_ = os.Remove(filepath.Dir(r.path)) // fails while another adapter has the same content
}
