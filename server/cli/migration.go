package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// migrationHelp says where the commands about a move are served.
const migrationHelp = `This command uses the server's admin socket: it works on the server's machine, as the server's user.`

// storeMigrate is `relais store migrate`.
func (a *app) storeMigrate() *cobra.Command {
	var (
		to          string
		sameAccount bool
		given       []string
	)
	cmd := &cobra.Command{
		Use:   "migrate STORE",
		Short: "Move a store to another adapter of its marketplace",
		Long: `Migrate verifies credentials for another adapter of the store's marketplace, seals them beside the old ones, and binds
orders bought from now on to the new adapter. Open orders stay with the old adapter until they have ended, and imports
read through both; then the move is complete and the old credentials are erased. Nothing changes when it fails, and
relais store undo-migration takes it back.

Both credentials must belong to one marketplace account. Where the marketplace's answers do not show it, --same-account
states it. Wrongly stated, the orders of two accounts are mixed in one store.

` + credentialHelp + "\n\n" + migrationHelp,
		Example: `  relais store migrate my-store --to octopia \
      --credential client_id=my-client --credential client_secret=@./secret.txt --credential seller_id=10001
  relais store migrate my-store --to octopia -c client_id=my-client -c client_secret=- -c seller_id=10001 \
      --same-account`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	cmd.Flags().StringVar(&to, "to", "", "the adapter to move to, for example octopia")
	cmd.Flags().BoolVar(&sameAccount, "same-account", false, "state that the new credentials belong to the same marketplace account")
	registerCredentials(cmd, &given)
	a.registerAdminSocket(cmd)
	require(cmd, "to")
	cmd.RunE = onAdminSocket(a, marketplacev1.NewMigrationServiceClient,
		func(ctx context.Context, api marketplacev1.MigrationServiceClient, args []string) error {
			store, err := storeName(args[0])
			if err != nil {
				return err
			}
			target, err := topName(collectionAdapters, to)
			if err != nil {
				return err
			}
			credentials, err := a.credentials(ctx, given)
			if err != nil {
				return err
			}
			m, err := api.MigrateStore(ctx, &marketplacev1.MigrateStoreRequest{
				Name: store, TargetAdapter: target, Credentials: credentials, SameAccount: sameAccount,
			})
			if !sameAccount && reasonOf(err) == "ACCOUNT_MISMATCH" {
				return &hintError{err, "--same-account says so; wrongly said, the orders of two accounts are mixed in " + store}
			}
			if err != nil {
				return err
			}
			return a.printMigration(m)
		})
	return cmd
}

// storeMigration is `relais store migration`.
func (a *app) storeMigration() *cobra.Command {
	return a.migrationAct("migration", "Show the move of a store to another adapter",
		`Migration prints the last move of a store: its state, the orders that are still open on each side, and what happens
next.`,
		func(ctx context.Context, api marketplacev1.MigrationServiceClient, name string) (*marketplacev1.Migration, error) {
			return api.GetMigration(ctx, &marketplacev1.GetMigrationRequest{Name: name})
		})
}

// storeUndoMigration is `relais store undo-migration`.
func (a *app) storeUndoMigration() *cobra.Command {
	return a.migrationAct("undo-migration", "Take back the move of a store to another adapter",
		`Undo-migration binds orders bought from now on to the old adapter again. Orders that belong to the new one meanwhile
stay with it until they have ended. It is refused once the move is complete, since the old credentials are gone then.`,
		func(ctx context.Context, api marketplacev1.MigrationServiceClient, name string) (*marketplacev1.Migration, error) {
			return api.UndoMigration(ctx, &marketplacev1.UndoMigrationRequest{Name: name})
		})
}

// migrationAct makes a command that does one thing to the migration of a store and prints it.
func (a *app) migrationAct(verb, short, long string,
	act func(context.Context, marketplacev1.MigrationServiceClient, string) (*marketplacev1.Migration, error),
) *cobra.Command {
	cmd := &cobra.Command{
		Use:               verb + " STORE",
		Short:             short,
		Long:              long + "\n\n" + migrationHelp,
		Example:           "  relais store " + verb + " my-store",
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
		RunE: onAdminSocket(a, marketplacev1.NewMigrationServiceClient,
			func(ctx context.Context, api marketplacev1.MigrationServiceClient, args []string) error {
				name, err := migrationName(args[0])
				if err != nil {
					return err
				}
				m, err := act(ctx, api, name)
				if err != nil {
					return err
				}
				return a.printMigration(m)
			}),
	}
	a.registerAdminSocket(cmd)
	return cmd
}

func (a *app) printMigration(m *marketplacev1.Migration) error {
	return a.print(m, func(p *page) {
		source, target := shortName(m.GetSourceAdapter()), shortName(m.GetTargetAdapter())
		p.facts(
			fact{"Migration", m.GetName()},
			fact{"State", word(m.GetState())},
			fact{"From", m.GetSourceAdapter()},
			fact{"To", m.GetTargetAdapter()},
			fact{"Cut-over", a.at(m.GetCutoverTime())},
			fact{"Undone", a.at(m.GetUndoTime())},
			fact{"Complete", a.at(m.GetCompleteTime())},
			fact{"Open orders", count(m.GetSourceOpenOrders()) + " on " + source + ", " + count(m.GetTargetOpenOrders()) + " on " + target},
			fact{"Same account", sameAccountFact(m.GetAccountMatch())},
			fact{"Next", m.GetMessage()},
		)
	})
}

// sameAccountFact tells how the accounts of both adapters were found to be one.
func sameAccountFact(match marketplacev1.Migration_AccountMatch) string {
	explained := ""
	switch match {
	case marketplacev1.Migration_ACCOUNT_MATCH_VERIFIED:
		explained = "the marketplace names both alike"
	case marketplacev1.Migration_ACCOUNT_MATCH_STATED:
		explained = "with --same-account; the marketplace does not show it"
	}
	return joined(": ", word(match), explained)
}

// migrationName is the name of a store's migration, from the store or from itself.
func migrationName(given string) (string, error) {
	store := given
	if strings.HasPrefix(given, collectionStores+"/") {
		store = strings.TrimSuffix(given, "/migration")
	}
	store, err := storeName(store)
	return store + "/migration", err
}
