package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// Collections of resource names.
const (
	collectionStores    = "stores"
	collectionOrders    = "orders"
	collectionImports   = "imports"
	collectionShipments = "shipments"
	collectionAdapters  = "adapters"
)

// topName expands "id" to "collection/id" and accepts the full name.
func topName(collection, given string) (string, error) {
	id := strings.TrimPrefix(given, collection+"/")
	if id == "" || strings.Contains(id, "/") {
		return "", usagef("%q names nothing in %s: write ID or %s/ID", given, collection, collection)
	}
	return collection + "/" + id, nil
}

func storeName(given string) (string, error) { return topName(collectionStores, given) }

// childName builds the name of something in a store from STORE ID, STORE NAME or NAME.
func childName(collection string, args []string) (string, error) {
	given := args[len(args)-1]
	full := strings.Split(given, "/")
	isFull := len(full) == 4 && full[0] == collectionStores && full[2] == collection && full[1] != "" && full[3] != ""
	if len(args) == 1 {
		if !isFull {
			return "", usagef("%q is not a full name: write STORE ID, or stores/STORE/%s/ID", given, collection)
		}
		return given, nil
	}
	store, err := storeName(args[0])
	switch {
	case err != nil:
		return "", err
	case isFull && !strings.HasPrefix(given, store+"/"):
		return "", usagef("%q does not belong to %s", given, store)
	case isFull:
		return given, nil
	case given == "" || strings.Contains(given, "/"):
		return "", usagef("%q names nothing in %s: write ID or %s/%s/ID", given, collection, store, collection)
	}
	return store + "/" + collection + "/" + given, nil
}

// shortName is the last part of a resource name.
func shortName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// parentName is the store of a resource in it.
func parentName(name string) string {
	parts := strings.SplitN(name, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

// completeStores offers the names of connected stores to the shell for the first argument.
func (a *app) completeStores(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []string
	a.timeout = 2 * time.Second // a shell does not wait longer
	ask := a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, _ []string) error {
		stores, err := api.ListStores(ctx, &marketplacev1.ListStoresRequest{PageSize: maxPageSize})
		for _, s := range stores.GetStores() {
			found = append(found, shortName(s.GetName())+"\t"+clean(shopLabel(s)))
		}
		return err
	})
	if err := ask(cmd, nil); err != nil {
		cobra.CompErrorln(err.Error())
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
