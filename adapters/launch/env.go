package launch

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// passedEnv lists the variables of this process that an adapter gets: how to reach the internet, whom to trust, where to put
// temporary files. Nothing else, since the environment of a server holds secrets.
func passedEnv() []string {
	names := []string{
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR",
	}
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// lifelineFD is the number that the lifeline has in the adapter: the first after standard error.
const lifelineFD = 3

// ownEnv are the variables that tell the adapter about this host.
func ownEnv(level slog.Level) []string {
	return []string{
		fmt.Sprintf("%s=%d", handshake.LifelineFDEnv, lifelineFD),
		fmt.Sprintf("%s=%s", handshake.LogLevelEnv, level),
	}
}

// maxSocketDirLength keeps the socket's address under 100 bytes, which every system can take: go-plugin appends
// "/plugin-dir" and "/plugin", each with up to ten digits.
const maxSocketDirLength = 100 - len("/plugin-dir") - len("/plugin") - 2*10

// socketDirPattern names the directories that hold sockets; os.MkdirTemp puts up to ten digits for the star.
const socketDirPattern = "relais-*"

// SocketDirFits reports whether Config.SocketDir can be this directory: its absolute path is short enough.
func SocketDirFits(dir string) bool {
	absolute, err := filepath.Abs(dir)
	return err == nil && len(absolute)+len("/")+len(socketDirPattern)-1+10 <= maxSocketDirLength
}

// makeSocketDir makes a directory of mode 0700 for one connection's socket. The error wraps ErrNoSocketDir.
func makeSocketDir(parent string) (string, error) {
	for _, candidate := range []string{parent, os.TempDir(), "/tmp"} {
		if candidate == "" || !SocketDirFits(candidate) {
			continue
		}
		absolute, err := filepath.Abs(candidate)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoSocketDir, err)
		}
		dir, err := os.MkdirTemp(absolute, socketDirPattern)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoSocketDir, err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("%w: the path %s is too long, set TMPDIR to a directory with a short name", ErrNoSocketDir, os.TempDir())
}
