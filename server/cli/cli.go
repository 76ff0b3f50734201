package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relaishq/relais/adapters/conformance"
)

// Options are what a process lends the commands. The zero value is the real process: standard streams, environment,
// clock and time zone.
type Options struct {
	// Version is what `relais --version` prints. Empty means no --version flag.
	Version string
	// In is where `--credential key=-` reads from. Default: os.Stdin.
	In io.Reader
	// Out receives results. Default: os.Stdout.
	Out io.Writer
	// Err receives progress, notes and errors. Default: os.Stderr.
	Err io.Writer
	// Interactive reports whether a person can be asked. Default: whether In and Err are a terminal.
	Interactive func() bool
	// Getenv reads an environment variable: defaults of flags and `--credential key=env:VAR`. Default: os.Getenv.
	Getenv func(string) string
	// Now is the clock behind relative times such as `--updated-since 24h`. Default: time.Now.
	Now func() time.Time
	// Location is the time zone in which times are printed, and read when they name none. Default: time.Local.
	Location *time.Location
	// PollInterval is the first pause between two reads of a shipment or decision that is waited for; it grows to ten times as
	// much. It is also the pause before a broken watch is opened again. Default: 500 ms.
	PollInterval time.Duration
	// SandboxPath is the relais-sandbox binary that `relais adapter verify` starts. Default: the one in the directory of this
	// process's binary.
	SandboxPath string
	// Verify runs the checks of `relais adapter verify`. Default: conformance.Verify.
	Verify func(context.Context, conformance.Options, func(conformance.Result)) (conformance.Summary, error)
}

func (o Options) withDefaults() Options {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	if o.Interactive == nil {
		in, out := o.In, o.Err
		o.Interactive = func() bool { return isTerminal(in) && isTerminal(out) }
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.PollInterval <= 0 {
		o.PollInterval = 500 * time.Millisecond
	}
	if o.Verify == nil {
		o.Verify = conformance.Verify
	}
	return o
}

// app is one run of the program: the options and what the flags said.
type app struct {
	Options

	server      string
	adminSocket string
	output      outputFormat
	timeout     time.Duration

	lines *bufio.Reader // over In; shared because several credentials may be read from it
}

// Names and defaults that users rely on (design section 3).
const (
	envServer          = "RELAIS_SERVER"
	envAdminSocket     = "RELAIS_ADMIN_SOCKET"
	defaultServer      = "127.0.0.1:7443"
	defaultAdminSocket = "./data/admin.sock"
	defaultTimeout     = time.Minute
)

// New returns the relais command with all client commands below it. The caller adds what is not a client (serve) and
// runs it with Execute.
func New(options Options) *cobra.Command {
	a := &app{Options: options.withDefaults(), output: outputTable}
	a.lines = bufio.NewReader(a.In)

	clients := []*cobra.Command{
		a.storeCommand(), a.orderCommand(), a.importCommand(), a.shipmentCommand(), a.carrierCommand(),
	}
	for _, cmd := range clients {
		a.registerClientFlags(cmd)
	}
	root := group(&cobra.Command{
		Use:   "relais",
		Short: "Connect marketplace stores, import their orders, notify shipments",
		Long: `relais connects seller accounts of marketplaces, imports their orders and tells the marketplace when they ship.

Most commands talk to a running server (see relais serve) through its public API. Stores and orders may be written
short, as in my-store, or as the full resource name, as in stores/my-store.`,
		Example: `  relais store connect --adapter cdiscount --environment sandbox --store-id my-store \
      --credential login=seller-api --credential password=@./password.txt
  relais order import my-store
  relais order list my-store --shippable
  relais shipment notify my-store 2403051200ABCDE --carrier Colissimo --tracking-number 8R00012345678 --wait`,
		Version:       a.Version,
		SilenceErrors: true, // Execute reports them
		SilenceUsage:  true,
	}, append(clients, a.adapterCommand(), exitCodesTopic())...)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	return root
}

// registerClientFlags adds what a command that talks to a server takes. They are not the root's: what others add there is no client.
func (a *app) registerClientFlags(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringVar(&a.server, "server", a.envOr(envServer, defaultServer),
		"address of the server: host:port on this machine, or unix:/path ($"+envServer+")")
	flags.DurationVar(&a.timeout, "timeout", defaultTimeout,
		"longest time that one call to the server may take; what is followed to its end, as a swap or an import is, is not bounded by it")
	a.registerOutput(cmd)
}

// registerOutput adds what every command takes that prints a result.
func (a *app) registerOutput(cmd *cobra.Command) {
	cmd.PersistentFlags().VarP(&a.output, "output", "o", "how results are printed")
	complete(cmd, "output", string(outputTable), string(outputJSON))
}

// registerAdminSocket adds what a command on the admin socket takes.
func (a *app) registerAdminSocket(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&a.adminSocket, "admin-socket", a.envOr(envAdminSocket, defaultAdminSocket),
		"path of the server's admin socket ($"+envAdminSocket+")")
}

// Execute runs the command that os.Args names below root, reports a failure on its standard error, and returns the exit
// code for the process. Cancelling ctx ends the command; jobs that it started on the server go on there, but for a swap whose release does
// not serve yet.
func Execute(ctx context.Context, root *cobra.Command) int {
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		report(root.ErrOrStderr(), cmd, err)
	}
	return ExitCode(err)
}

func (a *app) envOr(name, fallback string) string {
	if v := a.Getenv(name); v != "" {
		return v
	}
	return fallback
}

// note tells the user something that is not the result.
func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.Err, format+"\n", args...)
}

// group makes cmd a command that only holds others: alone it prints its help, and an unknown word below it is an error
// (cobra would print the help and exit 0).
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return usagef("unknown command %q for %q; did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, " or "))
		}
		return usagef("unknown command %q for %q", args[0], cmd.CommandPath())
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(children...)
	return cmd
}
