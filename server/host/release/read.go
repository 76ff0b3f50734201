package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/relaishq/relais/adapters/launch"
)

// Hash returns the SHA-256 of a file's content, in hexadecimal. The error wraps ErrNotExecutable for what is no regular file, or the
// context's, or is one of the file system.
func Hash(ctx context.Context, path string) (string, error) {
	file, info, err := open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	if err := checkRegular(info.Mode()); err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, reader{ctx, file}); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// CheckComplete refuses a file that was not copied to its end by whoever put it there. The error wraps launch.ErrCutOff, or is one of the
// file system.
func CheckComplete(path string) error {
	file, info, err := open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return launch.CheckComplete(file, info.Size())
}

// open opens a file for reading without waiting: a pipe that nobody writes to would hold the caller for ever. A link is followed, since
// operators install releases by links; what it leads to is what counts.
func open(path string) (*os.File, os.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// checkRegular refuses what lies under a file's name and is no file with content: no permission makes a program of it.
func checkRegular(mode fs.FileMode) error {
	what := "something that is no file"
	switch mode.Type() {
	case 0:
		return nil
	case fs.ModeDir:
		what = "a directory"
	case fs.ModeNamedPipe:
		what = "a pipe"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		what = "a device"
	}
	return fmt.Errorf("%w: it is %s; rename or remove it", ErrNotExecutable, what)
}

// reader reads until its context ends: a file can lie on a slow disk and be large.
type reader struct {
	ctx  context.Context
	from io.Reader
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}

// syncDirs puts the names in directories on disk, from the innermost: a file whose name is not there is lost with the power.
func syncDirs(dirs ...string) error {
	for _, path := range dirs {
		dir, err := os.Open(filepath.Clean(path))
		if err != nil {
			return err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return err
		}
	}
	return nil
}
