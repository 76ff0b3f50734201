package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/relaishq/relais/server/cli"
	"github.com/relaishq/relais/server/config"
)

// serveCommand is `relais serve`.
func serveCommand() *cobra.Command {
	// Its own set: the client commands' flags are not settings of the server.
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.AddFlags(flags)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Run the server until it is interrupted. Settings come, from weakest to strongest, from defaults, a YAML file,\n" +
			"RELAIS_* variables and flags; server/config/README.md has a table of all of them.",
		Example: "  relais serve\n  relais serve --config relais.yaml\n  relais serve --sandbox-url http://127.0.0.1:7480",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(flags, os.Environ())
			if err != nil {
				return cli.Usage(err)
			}
			return serve(cmd.Context(), cfg, newLogger(cfg, cmd.ErrOrStderr()))
		},
	}
	cmd.Flags().AddFlagSet(flags)
	return cmd
}

// newLogger returns the server's log.
func newLogger(cfg config.Config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// gcPercent makes the collector run a little more often than by default: an import makes garbage fast and keeps nothing, and
// memory should not tell how large it was. It costs a few percent of speed (make bench). GOGC in the environment goes before.
const gcPercent = 70

// serve runs the server until ctx ends, or until one of its listeners fails.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	for _, name := range cfg.UnknownVariables {
		log.Warn("environment variable means nothing to relais; is it misspelt?", "variable", name)
	}
	r, err := start(ctx, cfg, log, time.Now)
	if err != nil {
		return err
	}
	log.Info("serving", "address", r.address(), "admin_socket", cfg.AdminSocket, "database", cfg.Database, "version", version)

	var failure error
	select {
	case <-ctx.Done():
		log.Info("stopping", "timeout", cfg.ShutdownTimeout)
	case failure = <-r.failed:
		log.Error("listener failed", "error", failure)
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownTimeout)
	defer cancel()
	if err := r.stop(stopCtx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	log.Info("stopped")
	return failure
}
