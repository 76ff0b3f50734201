package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// Why a file cannot become a release, now or at all. errors.Is finds them.
var (
	// ErrNotExecutable says that the file is no program: not regular, or without execute permission.
	ErrNotExecutable = errors.New("it is not an executable file")
	// ErrNotKept says that the server cannot write its own copy, whatever file that is of.
	ErrNotKept = errors.New("the server cannot write its own copy")
	// ErrBeingWritten says that somebody is writing the file.
	ErrBeingWritten = errors.New("it is still being written")
)

// Library is a directory with copies of adapter binaries, each at {adapter}/{sha256}/relais-adapter-{adapter}. Copies are launched
// instead of the originals: replacing a file in the plugin directory then changes nothing under a running server, and a restart
// runs exactly what ran before. Its methods may be called concurrently.
type Library struct{ dir string }

// incoming begins the names of directories whose content is not a release yet. No adapter's name begins like that.
const incoming = ".incoming-"

// OpenLibrary makes the directory, and removes what a server that was killed left unfinished.
func OpenLibrary(dir string) (*Library, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the library of releases: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open the library of releases: %w", err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), incoming) {
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return nil, fmt.Errorf("open the library of releases: %w", err)
			}
		}
	}
	return &Library{dir: dir}, nil
}

// Path is where the copy of a release lies, if there is one.
func (l *Library) Path(adapter, sum string) string {
	return filepath.Join(l.dir, adapter, sum, handshake.FilePrefix+adapter)
}

// Has reports whether there is a copy. Whether it is intact is checked when it is launched.
func (l *Library) Has(adapter, sum string) bool {
	info, err := os.Stat(l.Path(adapter, sum))
	return err == nil && info.Mode().IsRegular()
}

// Prune removes the copies of an adapter but for those to keep. What cannot be removed now is removed by a later call.
func (l *Library) Prune(adapter string, keep []string) {
	entries, _ := os.ReadDir(filepath.Join(l.dir, adapter))
	for _, entry := range entries {
		if !slices.Contains(keep, entry.Name()) {
			_ = os.RemoveAll(filepath.Join(l.dir, adapter, entry.Name()))
		}
	}
}

// Copy is a copy of a file that is not in the library yet. It ends with Adopt or Discard.
type Copy struct {
	// Path of the copy; it can be launched from there. Adopt moves it.
	Path string
	// SHA256 of its content, in hexadecimal.
	SHA256 string

	library *Library
	adapter string
	dir     string
}

// Take copies a file while hashing it, so that what was hashed is what runs. The error wraps ErrNotExecutable, ErrBeingWritten,
// launch.ErrCutOff, ErrNotKept, fs.ErrNotExist or the context's, or is one of the file system; nothing is left behind then. That somebody is
// writing the file is known for sure only where the system tells, see hasWriter; elsewhere as far as it changes meanwhile, or tells itself
// that its end is missing.
func (l *Library) Take(ctx context.Context, adapter, path string) (taken *Copy, err error) {
	in, before, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("read the adapter's file: %w", err)
	}
	defer func() { _ = in.Close() }()
	if err := checkRegular(before.Mode()); err != nil {
		return nil, err
	}
	if before.Mode().Perm()&0o111 == 0 {
		return nil, fmt.Errorf("%w (mode %s); give it execute permission (chmod +x)", ErrNotExecutable, before.Mode())
	}
	if written(ctx, in) { // no need to copy half of it first
		return nil, errHalf
	}
	dir, err := os.MkdirTemp(l.dir, incoming+"*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	taken = &Copy{Path: filepath.Join(dir, handshake.FilePrefix+adapter), library: l, adapter: adapter, dir: dir}
	from := &source{in: reader{ctx, in}}
	size, err := taken.fill(from)
	switch {
	case err != nil && from.err != nil:
		return nil, fmt.Errorf("read the adapter's file: %w", from.err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	// Asked after the copying: a writer that came meanwhile has the file open still, or has changed it.
	busy := written(ctx, in)
	after, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the adapter's file: %w", err)
	}
	if busy || !os.SameFile(before, after) || before.Size() != size || after.Size() != size || !before.ModTime().Equal(after.ModTime()) {
		return nil, errHalf
	}
	if err := CheckComplete(taken.Path); err != nil {
		return nil, err
	}
	return taken, ctx.Err()
}

// source notes why reading failed: writing the copy fails for other reasons.
type source struct {
	in  io.Reader
	err error // but the end of the file
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// errHalf is ErrBeingWritten with advice.
var errHalf = fmt.Errorf("%w; write it under another name and rename it when it is complete", ErrBeingWritten)

// written reports whether somebody has the file open for writing, and goes on having it. A process that another goroutine is
// forking can hold a copy of a writer's descriptor until its own exec (golang.org/issue/22315): only asking again helps.
func written(ctx context.Context, file *os.File) bool {
	for pause := 5 * time.Millisecond; hasWriter(file); pause *= 2 {
		if pause > 100*time.Millisecond {
			return true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return true
		}
	}
	return false
}

// fill writes the copy.
func (c *Copy) fill(in io.Reader) (size int64, err error) {
	out, err := os.OpenFile(c.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o500)
	if err != nil {
		return 0, err
	}
	hash := sha256.New()
	size, err = io.Copy(io.MultiWriter(out, hash), in)
	// On disk before a database says that it is the one to run.
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return 0, err
	}
	c.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return size, nil
}

// Adopt puts the copy into the library, in the place of one that may be there already. A process that was launched from Path is not
// disturbed. The error wraps ErrNotKept.
func (c *Copy) Adopt() error {
	target := c.library.Path(c.adapter, c.SHA256)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	if err := os.Rename(c.Path, target); err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	// As durable as the content, before a database names it.
	if err := syncDirs(filepath.Dir(target), filepath.Join(c.library.dir, c.adapter), c.library.dir); err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	c.Path = target
	c.Discard()
	return nil
}

// Discard removes what is not in the library: the copy, unless it was adopted.
func (c *Copy) Discard() { _ = os.RemoveAll(c.dir) }
