package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/relaishq/relais/server/host/release"
)

// workDir is the directory that one host has to itself.
type workDir struct {
	lock    *os.File
	library *release.Library
	sockets *socketDir
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
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another relais server uses %s; stop it, or give this one another data directory", path)
		}
		return nil, fmt.Errorf("lock the adapters' work directory %s: %w", path, err)
	}
	w := &workDir{lock: lock, sockets: newSocketDir(filepath.Join(path, "sockets"))}
	var openErr error
	w.library, openErr = release.OpenLibrary(filepath.Join(path, "releases"))
	if err := errors.Join(openErr, w.sockets.clear(), w.sockets.make()); err != nil {
		w.close()
		return nil, fmt.Errorf("prepare the adapters' work directory: %w", err)
	}
	return w, nil
}

// close removes the sockets and lets another host in. What cannot be removed now is removed by the next host.
func (w *workDir) close() {
	_ = w.sockets.clear()
	// Unlocked before it is closed: a process that is being forked at this moment holds the file open a little longer.
	_ = syscall.Flock(int(w.lock.Fd()), syscall.LOCK_UN)
	_ = w.lock.Close()
}
