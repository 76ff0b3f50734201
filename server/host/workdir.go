package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/relaishq/relais/adapters/launch"
	"github.com/relaishq/relais/server/host/release"
)

// workDir is the directory that one host has to itself.
type workDir struct {
	lock    *os.File
	library *release.Library
	sockets string
	link    string // where the sockets are, or a link that leads there
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
	sockets := filepath.Join(path, "sockets")
	w := &workDir{lock: lock, sockets: sockets, link: sockets}
	var openErr error
	w.library, openErr = release.OpenLibrary(filepath.Join(path, "releases"))
	if err := errors.Join(openErr, w.clear(), w.makeSockets()); err != nil {
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
	w.sockets = far
	return os.Symlink(far, w.link)
}

// clear removes the sockets. The copies of binaries stay: a later run serves from them.
func (w *workDir) clear() error {
	var err error
	if far, readErr := os.Readlink(w.link); readErr == nil && strings.HasPrefix(filepath.Base(far), farSockets) {
		err = os.RemoveAll(far)
	}
	return errors.Join(err, os.RemoveAll(w.link))
}

// close removes the sockets and lets another host in. What cannot be removed now is removed by the next host.
func (w *workDir) close() {
	_ = w.clear()
	// Unlocked before it is closed: a process that is being forked at this moment holds the file open a little longer.
	_ = syscall.Flock(int(w.lock.Fd()), syscall.LOCK_UN)
	_ = w.lock.Close()
}
