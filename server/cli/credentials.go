package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// maxSecretFile bounds a credential file: a key file is a few KiB, anything larger is the wrong file.
const maxSecretFile = 64 << 10

// credentialHelp explains the credential flag in the long help of the commands that have it.
const credentialHelp = `Each --credential gives one value that the adapter asks for; relais adapter get ADAPTER lists the keys. Write
  key=@FILE     the content of a file, without line breaks at its end
  key=env:VAR   the value of an environment variable
  key=-         ask for it without echo, or read a line of standard input when that is not a terminal
  key=VALUE     the value itself. Other users of this machine can see it in the list of processes, and the shell keeps
                it in its history: use this for names such as a login, and for test accounts only. A value that begins
                with @ or env: needs another form.
The server verifies the credentials against the marketplace, seals them before it stores them, and never returns them.`

// credentialFlag gives a credential: a command that has it stores what it is given.
const credentialFlag = "credential"

func registerCredentials(cmd *cobra.Command, given *[]string) {
	// StringArray, since a secret may hold commas.
	cmd.Flags().StringArrayVarP(given, credentialFlag, "c", nil, "a credential: `key=@FILE`, key=env:VAR, key=- or key=VALUE (repeatable)")
	require(cmd, credentialFlag)
}

// credentials reads the values of --credential. Its errors name keys and variables, never a value nor what might be one: a
// password that begins with @ looks like a file name.
func (a *app) credentials(ctx context.Context, given []string) (*marketplacev1.Credentials, error) {
	values := make(map[string]string, len(given))
	literal := false
	for i, g := range given {
		key, source, ok := strings.Cut(g, "=")
		if !ok || key == "" {
			return nil, usagef("--credential number %d has no key: write key=@FILE, key=env:VAR, key=- or key=VALUE", i+1)
		}
		if _, twice := values[key]; twice {
			return nil, usagef("--credential %s is given twice", key)
		}
		value, isLiteral, err := a.credential(ctx, key, source)
		if err != nil {
			return nil, err
		}
		if value == "" {
			return nil, usagef("--credential %s is empty", key)
		}
		if !utf8.ValidString(value) {
			return nil, usagef("--credential %s is %s", key, notUTF8)
		}
		values[key] = value
		literal = literal || isLiteral && !identifier(key)
	}
	if literal {
		a.note("note: a credential written on the command line is visible to other users of this machine; " +
			"prefer key=@FILE, key=env:VAR or key=-")
	}
	return &marketplacev1.Credentials{Values: values}, nil
}

// credential reads one value and tells whether it stood on the command line.
func (a *app) credential(ctx context.Context, key, source string) (value string, literal bool, err error) {
	if path, ok := strings.CutPrefix(source, "@"); ok {
		value, err = secretFile(path)
		if err != nil {
			var named *fs.PathError // its text holds the path
			if errors.As(err, &named) {
				err = named.Err
			}
			return "", false, usagef("--credential %s: its file cannot be read: %w", key, err)
		}
		return value, false, nil
	}
	if variable, ok := strings.CutPrefix(source, "env:"); ok {
		if value = a.Getenv(variable); value == "" {
			return "", false, usagef("--credential %s: environment variable %s is not set", key, variable)
		}
		return value, false, nil
	}
	if source == "-" {
		value, err = a.ask(ctx, key)
		return value, false, err
	}
	return source, true, nil
}

// secretFile reads a value from a file.
func secretFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	content, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", err
	}
	if len(content) > maxSecretFile {
		return "", fmt.Errorf("it is larger than %d bytes", maxSecretFile)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// ask reads a value from the terminal without echo, or a line of any other input.
func (a *app) ask(ctx context.Context, key string) (string, error) {
	read := func() (string, error) { return a.lines.ReadString('\n') }
	if isTerminal(a.In) {
		fd := int(a.In.(*os.File).Fd())
		if before, err := term.GetState(fd); err == nil {
			defer term.Restore(fd, before) //nolint:errcheck // best effort: the echo must come back after an interrupt
		}
		fmt.Fprintf(a.Err, "%s: ", clean(key))
		defer fmt.Fprintln(a.Err) // the user's own line break was not echoed
		read = func() (string, error) {
			secret, err := term.ReadPassword(fd)
			return string(secret), err
		}
	}
	value, err := readLine(ctx, read)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("read credential %s: %w", key, err)
	}
	return value, err
}

// identifier reports whether a credential is a name rather than a secret: it may be seen by others.
func identifier(key string) bool {
	key = strings.ToLower(key)
	switch key {
	case "login", "user", "username", "user_name", "email", "account", "id":
		return true
	}
	return strings.HasSuffix(key, "_id") || strings.HasSuffix(key, "_login")
}
