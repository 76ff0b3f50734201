package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// importCommand is `relais import`.
func (a *app) importCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:     "import",
		Aliases: []string{"imports"},
		Short:   "Look at imports and follow them",
		Long:    "An import is one run that reads the orders of a store. Start one with relais order import.",
		Example: `  relais import list my-store
  relais import watch stores/my-store/imports/01HQ8Z`,
	}, a.importList(), a.importGet(), a.importWatch())
}

func (a *app) importList() *cobra.Command {
	var pages paging
	cmd := &cobra.Command{
		Use:   "list STORE",
		Short: "List imports",
		Long:  "List prints the imports of a store, newest first.",
		Example: `  relais import list my-store
  relais import list my-store --limit 1 --output json`,
		Args:              operands(1, 1),
		ValidArgsFunction: a.completeStores,
	}
	pages.register(cmd)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		parent, err := storeName(args[0])
		if err != nil {
			return err
		}
		return list(ctx, a, pages, listing[*marketplacev1.Import]{
			plural: "imports",
			key:    "imports",
			header: []string{"IMPORT", "STATE", "STARTED", "FINISHED", "STARTED BY", "READ", "NEW", "CHANGED", "REASON"},
			row: func(i *marketplacev1.Import) []string {
				done := i.GetProgress()
				return []string{
					shortName(i.GetName()), word(i.GetState()), a.at(i.GetStartTime()), a.at(i.GetFinishTime()), startedBy(i),
					count(done.GetOrdersRead()), count(done.GetOrdersCreated()), count(done.GetOrdersChanged()),
					i.GetFailure().GetReason(),
				}
			},
			fetch: func(ctx context.Context, size int32, token string) ([]*marketplacev1.Import, string, error) {
				answer, err := api.ListImports(ctx, &marketplacev1.ListImportsRequest{Parent: parent, PageSize: size, PageToken: token})
				return answer.GetImports(), answer.GetNextPageToken(), err
			},
		})
	})
	return cmd
}

func (a *app) importGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get (STORE IMPORT | NAME)",
		Short: "Show an import",
		Long:  "Get prints an import: its state, what it reads and what it has done so far. A failed import is not an error here.",
		Example: `  relais import get my-store 01HQ8Z
  relais import get stores/my-store/imports/01HQ8Z --output json`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
		RunE: a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
			name, err := childName(collectionImports, args)
			if err != nil {
				return err
			}
			run, err := api.GetImport(ctx, &marketplacev1.GetImportRequest{Name: name})
			if err != nil {
				return err
			}
			return a.printImport(run)
		}),
	}
}

func (a *app) importWatch() *cobra.Command {
	var following waiting
	cmd := &cobra.Command{
		Use:   "watch (STORE IMPORT | NAME)",
		Short: "Follow an import until it has ended",
		Long: `Watch shows the progress of an import until it has ended. An import that ends FAILED or INTERRUPTED gives exit code 6.
Interrupting the command leaves the import running.`,
		Example: `  relais import watch my-store 01HQ8Z
  relais import watch stores/my-store/imports/01HQ8Z --progress plain --wait-timeout 10m`,
		Args:              operands(1, 2),
		ValidArgsFunction: a.completeStores,
	}
	following.register(cmd, 0)
	cmd.RunE = a.marketplace(func(ctx context.Context, api marketplacev1.MarketplaceServiceClient, args []string) error {
		name, err := childName(collectionImports, args)
		if err != nil {
			return err
		}
		return a.followImport(ctx, api, name, following)
	})
	return cmd
}

func (a *app) printImport(i *marketplacev1.Import) error {
	return a.print(i, func(p *page) {
		done, failure := i.GetProgress(), i.GetFailure()
		took := ""
		if i.GetStartTime() != nil && i.GetFinishTime() != nil {
			took = "after " + i.GetFinishTime().AsTime().Sub(i.GetStartTime().AsTime()).Round(time.Millisecond).String()
		}
		p.facts(
			fact{"Import", i.GetName()},
			fact{"State", word(i.GetState())},
			fact{"Started by", startedBy(i)},
			fact{"Failure", joined(": ", failure.GetReason(), failure.GetMessage())},
			fact{"Started", a.at(i.GetStartTime())},
			fact{"Finished", joined(" ", a.at(i.GetFinishTime()), inBrackets(took))},
			fact{"Orders read", count(done.GetOrdersRead())},
			fact{"New", count(done.GetOrdersCreated())},
			fact{"Changed", count(done.GetOrdersChanged())},
			fact{"Unchanged", count(done.GetOrdersUnchanged())},
			fact{"Read again", count(done.GetOrdersReread())},
			fact{"Of the other adapter", moreThanNone(done.GetOrdersElsewhere())},
			fact{"Not shown any more", missingOrders(done)},
			fact{"Went on elsewhere", moreThanNone(resumed(i.GetWindows()))},
			fact{"Done", count(done.GetPercent()) + "%"},
		)
		header := []string{"ORDERS", "SINCE", "UNTIL", "READ UNTIL"}
		several := severalAdapters(i.GetWindows())
		if several {
			header = slices.Concat([]string{"ADAPTER"}, header, []string{"FAILURE"})
		}
		rows := make([][]string, 0, len(i.GetWindows()))
		for _, w := range i.GetWindows() {
			row := []string{word(w.GetAxis()), a.at(w.GetSinceTime()), a.at(w.GetUntilTime()), a.at(w.GetFinishedUntilTime())}
			if several {
				why := joined(": ", w.GetFailure().GetReason(), w.GetFailure().GetMessage())
				row = slices.Concat([]string{shortName(w.GetAdapter())}, row, []string{why})
			}
			rows = append(rows, row)
		}
		p.table("Windows", header, rows)
	})
}

// missingOrders tells how many open orders the marketplace does not show, and what that means for them.
func missingOrders(done *marketplacev1.ImportProgress) string {
	switch n := done.GetOrdersMissing(); n {
	case 0:
		return ""
	case 1:
		return "1 open order, asked for by number; it stays as it is"
	default:
		return count(n) + " open orders, asked for by number; they stay as they are"
	}
}

// resumed counts how often another process of an adapter went on reading: a release was swapped in, or a process ended.
func resumed(windows []*marketplacev1.ImportWindow) (n int32) {
	for _, w := range windows {
		n += w.GetResumeCount()
	}
	return n
}

// severalAdapters reports whether the windows were read through more than one adapter, as those of a moving store are.
func severalAdapters(windows []*marketplacev1.ImportWindow) bool {
	return slices.ContainsFunc(windows, func(w *marketplacev1.ImportWindow) bool {
		return w.GetAdapter() != windows[0].GetAdapter()
	})
}

// startedBy tells who wanted an import.
func startedBy(i *marketplacev1.Import) string {
	if i.GetScheduled() {
		return "SCHEDULE"
	}
	return "REQUEST"
}
