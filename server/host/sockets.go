package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/relaishq/relais/adapters/launch"
)

// socketDir is the directory in which each process has one for its socket: in the work directory, or, where that path is too long for a
// socket's address, far from it among the temporary files. A link tells the next host where then, in case this one cannot remove it.
//
// Somebody who cleans up may remove it while the server runs, above all among the temporary files. The processes that run have their
// connections and do not need it; it is made again before the next one starts.
type socketDir struct {
	link string        // in the work directory: the directory itself, or the link to it
	turn chan struct{} // held by whoever looks at path and the directory; a channel because files are touched meanwhile
	path string        // of the directory
}

// farSockets begins the name of a directory that lies elsewhere.
const farSockets = "relais-host-"

func newSocketDir(link string) *socketDir {
	return &socketDir{link: link, turn: make(chan struct{}, 1), path: link}
}

// ready returns the directory, which it makes when it is not there any more.
func (d *socketDir) ready(ctx context.Context) (string, error) {
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if d.intact() {
		return d.path, nil
	}
	if err := d.make(); err != nil {
		return "", fmt.Errorf("the directory for the adapters' sockets was lost and cannot be made again: %w", err)
	}
	return d.path, nil
}

// near reports whether the directory is to be in the work directory.
func (d *socketDir) near() bool { return launch.SocketDirFits(d.link) }

// intact reports whether the directory is there, and can be found by the next host.
func (d *socketDir) intact() bool {
	if !ownDir(d.path) {
		return false
	}
	far, err := os.Readlink(d.link)
	return d.near() || err == nil && far == d.path
}

// make makes the directory, or what of it is missing. A far one gets a name that nobody has: under the old one there may be something of
// somebody else's by now.
func (d *socketDir) make() error {
	if d.near() {
		err := os.Mkdir(d.link, 0o700)
		if errors.Is(err, fs.ErrExist) {
			return d.inTheWay()
		}
		return err
	}
	switch info, err := os.Lstat(d.link); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSymlink:
		return d.inTheWay()
	default:
		if err := os.Remove(d.link); err != nil {
			return err
		}
	}
	if !ownDir(d.path) { // else only the link was lost
		far, err := os.MkdirTemp("", farSockets+"*")
		if err != nil {
			return err
		}
		d.path = far
	}
	return os.Symlink(d.path, d.link)
}

// inTheWay says that something else has taken the place.
func (d *socketDir) inTheWay() error {
	return fmt.Errorf("%s is not the server's own directory; remove it", d.link)
}

// clear removes the directory and what leads there. A far one that is not ours is left to whoever made it.
func (d *socketDir) clear() error {
	far, err := os.Readlink(d.link)
	if err == nil && strings.HasPrefix(filepath.Base(far), farSockets) && ownDir(far) {
		err = os.RemoveAll(far)
	} else {
		err = nil // there is no link, or it leads to nothing that is to be removed
	}
	return errors.Join(err, os.RemoveAll(d.link))
}

// ownDir reports whether a path is a directory of the server's user that nobody else may write into. A link to one is none: whoever may
// write beside it could have made it.
func ownDir(path string) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(owner.Uid) == os.Geteuid()
}
