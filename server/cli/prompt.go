package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// errNotConfirmed is the end of a command whose question was not answered with yes.
var errNotConfirmed = errors.New("not confirmed; nothing was changed")

// confirm asks a person whether to go on. Where nobody can be asked it goes on: a script means what it says.
func (a *app) confirm(ctx context.Context, question string) error {
	if !a.Interactive() {
		return nil
	}
	fmt.Fprintf(a.Err, "%s [y/N] ", clean(question))
	answer, err := readLine(ctx, func() (string, error) { return a.lines.ReadString('\n') })
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

// readLine reads a line without its end. The last line of an input needs no end.
func readLine(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		line string
		err  error
	}
	// A read of a terminal cannot be interrupted. When ctx ends first the goroutine stays in it until the process,
	// which is about to exit, is gone.
	answers := make(chan answer, 1)
	go func() {
		line, err := read()
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-answers:
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return "", got.err
		}
		return strings.TrimRight(got.line, "\r\n"), nil
	}
}
