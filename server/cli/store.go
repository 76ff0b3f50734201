package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// storeCommand is `relais store`.
func (a *app) storeCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "store",
		Aliases: []string{"stores"},
		Short:   "Connect seller accounts and look after them",
		Long:    "A store is one seller account connected to a marketplace: its credentials, settings and health.",
		Example: `  relais store list
  relais store get my-store`,
	},
		a.storeConnect(), a.storeList(), a.storeGet(), a.storeUpdate(), a.storeRotateCredentials(),
		a.storeAct("check", "Ask the marketplace now whether the credentials work",
			"Check asks the marketplace now whether the stored credentials work, and prints the store with its new health.\n"+
				"A refusal is an error; see relais help exit-codes.",
			func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Store, error) {
				return api.CheckStore(ctx, &marketplacev1.CheckStoreRequest{Name: name})
			}),
		a.storeAct("pause", "Stop imports and shipments of a store",
			"Pause stops imports and shipments of a store until resume. A running import finishes; queued shipments wait.",
			func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Store, error) {
				return api.PauseStore(ctx, &marketplacev1.PauseStoreRequest{Name: name})
			}),
		a.storeAct("resume", "End the pause of a store",
			"Resume ends a pause: imports are possible again and queued shipments go out.",
			func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Store, error) {
				return api.ResumeStore(ctx, &marketplacev1.ResumeStoreRequest{Name: name})
			}),
		a.storeMigrate(), a.storeMigration(), a.storeUndoMigration(), a.storeDisconnect(),
	)
}

func (a *app) storeConnect() *cobra.Command {
	var (
		storeID, adapter, environment string
		given                         []string
		settings                      settingsFlags
	)
	cmd := &cobra.Command{
		Use:   "connect",
		Short: "Connect a seller account",
		Long: `Connect verifies the credentials of a seller account against the marketplace and stores them sealed. Nothing is stored
when the marketplace refuses. One account is connected at most once; an account that was disconnected before gets its
old name back, and its orders.

` + credentialHelp + "\n\n" + policyHelp,
		Example: `  relais store connect --adapter cdiscount --environment sandbox --store-id my-store \
      --credential login=seller-api --credential password=@./password.txt
  relais store connect --adapter cdiscount --credential login=seller-api --credential password=- \
      --display-name "My shop" --first-import-days 60`,
		Args:              operands(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := cmd.Flags()
	flags.StringVar(&adapter, "adapter", "", "the adapter that speaks to the marketplace, for example cdiscount")
	flags.StringVar(&environment, "environment", "", "the operator's environment, for example sandbox (default production)")
	flags.StringVar(&storeID, "store-id", "", "name of the store here: 3 to 40 of a-z, 0-9 and -, beginning with a letter (default: made by the server)")
	registerCredentials(cmd, &given)
	settings.register(cmd)
	require(cmd, "adapter")
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, _ []string) error {
		adapterName, err := topName(collectionAdapters, adapter)
		if err != nil {
			return err
		}
		credentials, err := a.credentials(ctx, given)
		if err != nil {
			return err
		}
		values, paths, err := settings.changed(flags)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			values = nil
		}
		store, err := api.ConnectStore(ctx, &marketplacev1.ConnectStoreRequest{
			StoreId:     storeID,
			Store:       &marketplacev1.Store{Adapter: adapterName, Environment: environment, Settings: values},
			Credentials: credentials,
		})
		if err != nil {
			return err
		}
		return a.printStore(store)
	})
	return cmd
}

func (a *app) storeList() *cobra.Command {
	var (
		pages        paging
		disconnected bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List stores",
		Long: `List prints the stores ordered by name, disconnected ones only with --show-disconnected. ACCEPTANCE is the store's
policy: which orders relais accepts for the seller. LAST GOOD IMPORT is how long ago the last import began that
succeeded: orders are known as they were then. NEXT IMPORT is when the next one begins by itself. HEALTH also tells when
the store's credentials are tried next, while its work waits for that.`,
		Example: `  relais store list
  relais store list --all --show-disconnected --output json`,
		Args:              operands(0, 0),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	pages.register(cmd)
	cmd.Flags().BoolVar(&disconnected, "show-disconnected", false, "also list disconnected stores")
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, _ []string) error {
		return list(ctx, a, pages, listing[*marketplacev1.Store]{
			plural: "stores",
			key:    "stores",
			header: []string{"STORE", "SHOP", "ADAPTER", "ENVIRONMENT", "ACCEPTANCE", "HEALTH", "LAST GOOD IMPORT", "NEXT IMPORT"},
			row: func(s *marketplacev1.Store) []string {
				return []string{
					shortName(s.GetName()), shopLabel(s), joined(", ", shortName(s.GetAdapter()), otherAdapters(s, "")),
					s.GetEnvironment(), word(s.GetSettings().GetAcceptance().GetMode()), a.healthLabel(s.GetHealth()),
					a.ago(s.GetLastImportStartTime()), a.until(s.GetNextImportTime()),
				}
			},
			fetch: func(ctx context.Context, size int32, token string) ([]*marketplacev1.Store, string, error) {
				answer, err := api.ListStores(ctx, &marketplacev1.ListStoresRequest{
					PageSize: size, PageToken: token, ShowDisconnected: disconnected,
				})
				return answer.GetStores(), answer.GetNextPageToken(), err
			},
		})
	})
	return cmd
}

func (a *app) storeGet() *cobra.Command {
	return a.storeAct("get", "Show a store",
		"Get prints a store, connected or not: its account, settings and health. Credentials are never returned.",
		func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Store, error) {
			return api.GetStore(ctx, &marketplacev1.GetStoreRequest{Name: name})
		})
}

func (a *app) storeUpdate() *cobra.Command {
	var settings settingsFlags
	cmd := &cobra.Command{
		Use:   "update STORE",
		Short: "Change the settings of a store",
		Long: `Update changes the settings whose flags are given and leaves all others. An empty text or 0 clears a setting: its
default applies again.

` + policyHelp,
		Example: `  relais store update my-store --display-name "My shop" --support-email help@shop.example
  relais store update my-store --notify-on-shipment --notify-on-delivery=false
  relais store update my-store --later-import-days 0
  relais store update my-store --acceptance listed --accept-sku @skus.txt --accept-up-to 50EUR
  relais store update my-store --import-interval 5m`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	settings.register(cmd)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		name, err := storeName(args[0])
		if err != nil {
			return err
		}
		values, paths, err := settings.changed(cmd.Flags())
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			return usagef("nothing to change: give a setting, for example --display-name or --import-interval")
		}
		store, err := api.UpdateStore(ctx, &marketplacev1.UpdateStoreRequest{
			Store:      &marketplacev1.Store{Name: name, Settings: values},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
		})
		if err != nil {
			return err
		}
		return a.printStore(store)
	})
	return cmd
}

func (a *app) storeRotateCredentials() *cobra.Command {
	var (
		adapter string
		given   []string
	)
	cmd := &cobra.Command{
		Use:   "rotate-credentials STORE",
		Short: "Replace the credentials of a store",
		Long: `Rotate-credentials verifies new credentials against the marketplace and replaces the old ones. They must belong to the
same account. When the marketplace refuses them the old ones stay. While a store moves from one adapter to another it
holds credentials for both; --adapter says which ones are meant.

` + credentialHelp,
		Example: `  relais store rotate-credentials my-store --credential login=seller-api --credential password=-
  relais store rotate-credentials my-store -c login=seller-api -c password=env:SELLER_PASSWORD`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	cmd.Flags().StringVar(&adapter, "adapter", "", "the adapter whose credentials they are (default: the one of new orders)")
	registerCredentials(cmd, &given)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		name, err := storeName(args[0])
		if err != nil {
			return err
		}
		adapterName := ""
		if cmd.Flags().Changed("adapter") {
			if adapterName, err = topName(collectionAdapters, adapter); err != nil {
				return err
			}
		}
		credentials, err := a.credentials(ctx, given)
		if err != nil {
			return err
		}
		store, err := api.RotateCredentials(ctx, &marketplacev1.RotateCredentialsRequest{
			Name: name, Credentials: credentials, Adapter: adapterName,
		})
		if err != nil {
			return err
		}
		return a.printStore(store)
	})
	return cmd
}

func (a *app) storeDisconnect() *cobra.Command {
	var force, sure bool
	cmd := a.storeAct("disconnect", "Erase the credentials of a store",
		`Disconnect erases the credentials of a store. Its orders stay readable, and connecting the same account again brings the
store back under its name. With open shipments or decisions it is refused unless --force is given; they then end as
NEEDS_ATTENTION, since nothing more can be sent or confirmed.

On a terminal it asks first, unless --yes is given. Elsewhere, as in a script, it does not ask.`,
		func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, name string) (*marketplacev1.Store, error) {
			if !sure {
				if err := a.confirm(ctx, "Erase the credentials of "+name+"?"); err != nil {
					return nil, err
				}
			}
			return api.DisconnectStore(ctx, &marketplacev1.DisconnectStoreRequest{Name: name, Force: force})
		})
	cmd.Example += "\n  relais store disconnect my-store --force --yes"
	cmd.Flags().BoolVar(&force, "force", false, "disconnect although shipments or decisions are open")
	cmd.Flags().BoolVarP(&sure, "yes", "y", false, "do not ask")
	return cmd
}

// storeAct makes a command that does one thing to one store and prints the store.
func (a *app) storeAct(verb, short, long string,
	act func(context.Context, marketplacev1.MarketplaceServiceClient, string) (*marketplacev1.Store, error),
) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " STORE",
		Short:             short,
		Long:              long,
		Example:           "  relais store " + verb + " my-store",
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
		RunE: a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
			name, err := storeName(args[0])
			if err != nil {
				return err
			}
			store, err := act(ctx, api, name)
			if err != nil {
				return err
			}
			return a.printStore(store)
		}),
	}
}

// shopLabel is how people call a store.
func shopLabel(s *marketplacev1.Store) string {
	return orElse(s.GetSettings().GetDisplayName(), s.GetShopName())
}

// otherAdapters are the adapters that a moving store speaks to beside the one of new orders, each after the prefix.
func otherAdapters(s *marketplacev1.Store, prefix string) string {
	var others []string
	for _, name := range s.GetAdapters() {
		if name != s.GetAdapter() {
			others = append(others, prefix+shortName(name))
		}
	}
	return strings.Join(others, ", ")
}

// healthLabel is a health in a few words, with when relais looks whether credentials work that hold the store's work up.
func (a *app) healthLabel(h *marketplacev1.StoreHealth) string {
	return joined(", ", word(h.GetState()), prefixed("next try ", a.until(h.GetNextProbeTime())))
}

// acceptanceFact tells what the marketplace accepts for the seller before any policy of relais; empty when it did not say. It avoids
// the words of the policy.
func acceptanceFact(mode marketplacev1.Store_AcceptanceMode) string {
	switch mode {
	case marketplacev1.Store_ACCEPTANCE_MODE_MANUAL:
		return "no order, each waits for the seller"
	case marketplacev1.Store_ACCEPTANCE_MODE_AUTOMATIC:
		return "every order for the seller"
	}
	return word(mode)
}

func (a *app) printStore(s *marketplacev1.Store) error {
	return a.print(s, func(p *page) {
		health := s.GetHealth()
		facts := []fact{
			{"Store", s.GetName()},
			{"Shop", shopLabel(s)},
			{"Marketplace", joined(", ", s.GetMarketplace(), s.GetShopName())},
			{"Account", s.GetAccountId()},
			{"Adapter", joined(", ", s.GetAdapter(), prefixed("and for earlier orders ", otherAdapters(s, collectionAdapters+"/")))},
			{"Environment", s.GetEnvironment()},
			{"Marketplace accepts", acceptanceFact(s.GetAcceptanceMode())},
			{"Health", joined(" ", word(health.GetState()), prefixed("since ", a.at(health.GetSinceTime())))},
			{"Health reason", health.GetReason()},
			{"Health message", health.GetMessage()},
			{"Credentials tried again", joined(", ", a.at(health.GetNextProbeTime()), a.until(health.GetNextProbeTime()))},
			{"Connected", a.at(s.GetCreateTime())},
			{"Changed", a.at(s.GetUpdateTime())},
			{"Disconnected", a.at(s.GetDisconnectTime())},
			{"Last good import", joined(", ", a.period(s.GetLastImportStartTime(), s.GetLastImportFinishTime()), a.ago(s.GetLastImportStartTime()))},
			{"Next import", joined(", ", a.at(s.GetNextImportTime()), a.until(s.GetNextImportTime()))},
		}
		p.facts(append(facts, settingFacts(s.GetSettings())...)...)
	})
}
