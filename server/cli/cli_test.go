package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
	"github.com/relaishq/relais/server/cli"
)

// TestCredentialSources: a credential comes from a file, a variable, standard input or the command line, and is never
// printed.
func TestCredentialSources(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password.txt")
	if err := os.WriteFile(file, []byte("hush-file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const note = "note: a credential written on the command line is visible to other users of this machine; prefer key=@FILE, key=env:VAR or key=-\n"
	tests := map[string]struct {
		flags []string
		want  map[string]string
		note  string
	}{
		"file":     {[]string{"password=@" + file}, map[string]string{"password": "hush-file"}, ""},
		"variable": {[]string{"password=env:SELLER_PASSWORD"}, map[string]string{"password": "hush-env"}, ""},
		"lines":    {[]string{"login=-", "password=-"}, map[string]string{"login": "hush line 1", "password": "hush line 2"}, ""},
		"a name on the command line": {[]string{"login=seller-api", "seller_id=77", "Client_ID=c"},
			map[string]string{"login": "seller-api", "seller_id": "77", "Client_ID": "c"}, ""},
		"what is not known to be a name": {[]string{"login=seller-api", "token=hush-t"}, map[string]string{"login": "seller-api", "token": "hush-t"}, note},
		"command line":                   {[]string{"password=hush=hush, hush"}, map[string]string{"password": "hush=hush, hush"}, note},
		"mixed": {
			[]string{"a=env:SELLER_PASSWORD", "b=-", "c=hush-c"},
			map[string]string{"a": "hush-env", "b": "hush line 1", "c": "hush-c"}, note,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{})
			args := []string{"store", "rotate-credentials", "tea"}
			for _, flag := range tt.flags {
				args = append(args, "--credential", flag)
			}
			got := process{
				in:  strings.NewReader("hush line 1\nhush line 2"),
				env: map[string]string{"SELLER_PASSWORD": "hush-env"},
			}.run(t.Context(), f, args...)
			if got.code != 0 || got.err != tt.note {
				t.Fatalf("exit code %d, notes %q, want %q", got.code, got.err, tt.note)
			}
			if strings.Contains(got.out, "hush") {
				t.Errorf("a credential is printed:\n%s", got.out)
			}
			sent := f.received()[0].(*marketplacev1.RotateCredentialsRequest).GetCredentials().GetValues()
			if diff := cmp.Diff(tt.want, sent); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPromptIsInterruptible: waiting for a line that never comes ends with the context.
func TestPromptIsInterruptible(t *testing.T) {
	t.Parallel()
	silent, end := io.Pipe()
	t.Cleanup(func() { end.Close() })
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	got := process{in: silent}.run(ctx, newFake(t, &fake{}), "store", "rotate-credentials", "tea", "-c", "password=-")
	if got.code != cli.ExitInterrupted {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
}

// TestEveryCommandIsDocumented: each client command has a summary, a description and an example that names it.
func TestEveryCommandIsDocumented(t *testing.T) {
	t.Parallel()
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: Short %q must be a phrase", cmd.CommandPath(), cmd.Short)
		}
		if cmd.Long == "" {
			t.Errorf("%s has no Long", cmd.CommandPath())
		}
		if cmd.Runnable() && !strings.Contains(cmd.Example, cmd.CommandPath()+" ") {
			t.Errorf("%s has no Example of itself", cmd.CommandPath())
		}
		for _, line := range strings.Split(cmd.Long+"\n"+cmd.Example, "\n") {
			if len(line) > 120 {
				t.Errorf("%s: help line over 120 columns: %s", cmd.CommandPath(), line)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(cli.New(cli.Options{}))
}

func TestHelp(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want string
	}{
		"exit codes":       {[]string{"help", "exit-codes"}, "130  interrupted"},
		"a group":          {[]string{"store"}, "rotate-credentials"},
		"the program":      {nil, "Available Commands:"},
		"a command":        {[]string{"shipment", "notify", "--help"}, "--tracking-number"},
		"the version":      {[]string{"--version"}, "relais version 1.2.3"},
		"shell completion": {[]string{"completion", "bash"}, "bash completion V2 for relais"},
		"words of a flag":  {[]string{"__complete", "order", "list", "tea", "--status", ""}, "READY_TO_SHIP\n"},
		"names of stores":  {[]string{"__complete", "store", "get", ""}, "tea\tTea & Co\n"},
		"one store only":   {[]string{"__complete", "order", "get", "tea", ""}, ":4\n"},
		"flags in front":   {[]string{"--output", "json", "--timeout=5s", "store", "get", "tea"}, "\"name\": \"stores/tea\""},
	}
	f := newFake(t, &fake{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := run(t, f, tt.args...); got.code != 0 || !strings.Contains(got.out, tt.want) {
				t.Errorf("exit code %d, output without %q:\n%s\n%s", got.code, tt.want, got.out, got.err)
			}
		})
	}
}

// TestDisconnectAsks: on a terminal the credentials are erased only after a yes; elsewhere, and with --yes, at once.
func TestDisconnectAsks(t *testing.T) {
	t.Parallel()
	const question = "Erase the credentials of stores/tea? [y/N] "
	tests := map[string]struct {
		terminal bool
		typed    string
		flags    []string
		asked    bool
		code     int
	}{
		"yes":                     {true, "yes\n", nil, true, cli.ExitOK},
		"y without end of line":   {true, " Y", nil, true, cli.ExitOK},
		"no":                      {true, "n\n", nil, true, cli.ExitFailure},
		"nothing":                 {true, "\n", nil, true, cli.ExitFailure},
		"the end of the input":    {true, "", nil, true, cli.ExitFailure},
		"forced is not confirmed": {true, "n\n", []string{"--force"}, true, cli.ExitFailure},
		"said before":             {true, "n\n", []string{"--yes"}, false, cli.ExitOK},
		"a script":                {false, "n\n", nil, false, cli.ExitOK},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, &fake{})
			got := process{in: strings.NewReader(tt.typed), terminal: tt.terminal}.
				run(t.Context(), f, append([]string{"store", "disconnect", "tea"}, tt.flags...)...)
			if got.code != tt.code || strings.HasPrefix(got.err, question) != tt.asked {
				t.Errorf("exit code %d, want %d; asked %q", got.code, tt.code, got.err)
			}
			if disconnected := len(f.received()) == 1; disconnected != (tt.code == cli.ExitOK) {
				t.Errorf("the server received %v", f.received())
			}
			if tt.code != cli.ExitOK && !strings.Contains(got.err, "not confirmed; nothing was changed") {
				t.Errorf("report %q", got.err)
			}
		})
	}
}

// TestForeignCommand: what the program adds beside the client commands is reported the same way.
func TestForeignCommand(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	root := cli.New(cli.Options{Err: &errs})
	serve := &cobra.Command{Use: "serve", RunE: func(*cobra.Command, []string) error { return os.ErrPermission }}
	root.AddCommand(serve)
	if serve.InheritedFlags().HasFlags() {
		t.Errorf("it takes the flags of a client:\n%s", serve.InheritedFlags().FlagUsages())
	}
	root.SetArgs([]string{"serve"})
	if code := cli.Execute(t.Context(), root); code != cli.ExitFailure || errs.String() != "relais: permission denied\n" {
		t.Errorf("exit code %d, report %q", code, errs.String())
	}
}

// TestSeveralErrors: each has a line of its own.
func TestSeveralErrors(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	root := cli.New(cli.Options{Err: &errs})
	several := fmt.Errorf("the configuration has 2 errors:\n%w", errors.Join(errors.New("listen: wrong"), errors.New("database: \x1bwrong")))
	root.AddCommand(&cobra.Command{Use: "serve", RunE: func(*cobra.Command, []string) error { return cli.Usage(several) }})
	root.SetArgs([]string{"serve"})
	const want = "relais: the configuration has 2 errors:\n  listen: wrong\n  database: \uFFFDwrong\n  see relais serve --help\n"
	if code := cli.Execute(t.Context(), root); code != cli.ExitUsage || errs.String() != want {
		t.Errorf("exit code %d, report %q", code, errs.String())
	}
}

// TestForeignArguments: the misuse of a foreign command is one of the command line.
func TestForeignArguments(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	root := cli.New(cli.Options{Err: &errs})
	root.AddCommand(&cobra.Command{Use: "serve", Args: cli.NoArguments, RunE: func(*cobra.Command, []string) error { return nil }})
	root.SetArgs([]string{"serve", "extra"})
	const want = "relais: relais serve expects no arguments, got 1 argument(s)\n  see relais serve --help\n"
	if code := cli.Execute(t.Context(), root); code != cli.ExitUsage || errs.String() != want {
		t.Errorf("exit code %d, report %q", code, errs.String())
	}
}

// TestOutputFails: a result that cannot be written is an error, in every form of output.
func TestOutputFails(t *testing.T) {
	t.Parallel()
	f := newFake(t, &fake{})
	for _, args := range [][]string{
		{"store", "get", "tea"}, {"store", "get", "tea", "-o", "json"}, {"store", "list"}, {"store", "list", "-o", "json"},
	} {
		var errs bytes.Buffer
		root := cli.New(cli.Options{Out: brokenPipe{}, Err: &errs})
		root.SetArgs(append(args, "--server", f.server))
		if code := cli.Execute(t.Context(), root); code != cli.ExitFailure || !strings.Contains(errs.String(), "write the result: broken pipe") {
			t.Errorf("%v: exit code %d, report %q", args, code, errs.String())
		}
	}
}
