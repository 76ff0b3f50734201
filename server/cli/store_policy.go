package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/durationpb"

	marketplacev1 "github.com/relaishq/relais/proto/relais/marketplace/v1"
)

// The flags of what a store does by itself.
const (
	flagAcceptance     = "acceptance"
	flagAcceptSKU      = "accept-sku"
	flagAcceptUpTo     = "accept-up-to"
	flagImportInterval = "import-interval"
	flagImportOff      = "no-scheduled-imports"
)

// maxSKUFile bounds a file of SKUs: the server takes 10,000 of at most 200 characters, and no larger request.
const maxSKUFile = 4 << 20

// policyFlags are the flags of what a store does by itself: accepting orders and importing them.
type policyFlags struct {
	acceptance, upTo string
	skus             []string
	interval         time.Duration
	off              bool
}

// policyPaths maps each flag to its path in the update mask, relative to the store.
func policyPaths() map[string]string {
	return map[string]string{
		flagAcceptance:     "settings.acceptance.mode",
		flagAcceptSKU:      "settings.acceptance.skus",
		flagAcceptUpTo:     "settings.acceptance.max_total",
		flagImportInterval: "settings.import_schedule.interval",
		flagImportOff:      "settings.import_schedule.disabled",
	}
}

// policyHelp explains the flags in the long help of the commands that have them.
const policyHelp = `relais accepts orders that wait for the seller when --acceptance says so: manual leaves them to a person (the default),
all accepts every order, listed accepts those whose articles are all given by --accept-sku and whose total is not above
--accept-up-to. What the marketplace does not tell clearly is left to a person whatever is set; relais order get tells
why. --accept-sku replaces the list: repeat it, or write @FILE for a file with one SKU a line. List and limit go with
listed only: manual and all end them. A change counts at once, for the orders that wait already too.

Orders are imported by themselves: at --import-interval, 1m to 24h, or at the server's when it is 0. Another interval
than before starts an import at once. --no-scheduled-imports leaves imports to relais order import;
--no-scheduled-imports=false takes them up again.`

func (f *policyFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.acceptance, flagAcceptance, "", "who accepts orders: `manual|all|listed` (default manual)")
	flags.StringArrayVar(&f.skus, flagAcceptSKU, nil, "with listed: an article that is accepted, or `SKU|@FILE` with one a line (repeatable)")
	flags.StringVar(&f.upTo, flagAcceptUpTo, "", "with listed: the highest `amount` of an order, for example 50EUR (default no limit)")
	flags.DurationVar(&f.interval, flagImportInterval, 0, "time between the starts of two imports, for example 5m (default the server's)")
	flags.BoolVar(&f.off, flagImportOff, false, "import orders on request only")
	complete(cmd, flagAcceptance, "manual", "all", "listed")
}

// apply puts what the flags say into settings.
func (f *policyFlags) apply(flags *pflag.FlagSet, to *marketplacev1.StoreSettings) error {
	if flags.Changed(flagAcceptance) || flags.Changed(flagAcceptSKU) || flags.Changed(flagAcceptUpTo) {
		policy, err := f.policy()
		if err != nil {
			return err
		}
		to.Acceptance = policy
	}
	if flags.Changed(flagImportInterval) || flags.Changed(flagImportOff) {
		to.ImportSchedule = &marketplacev1.ImportSchedule{Disabled: f.off}
		if f.interval != 0 {
			to.ImportSchedule.Interval = durationpb.New(f.interval)
		}
	}
	return nil
}

func (f *policyFlags) policy() (*marketplacev1.AcceptancePolicy, error) {
	policy := &marketplacev1.AcceptancePolicy{}
	if f.acceptance != "" {
		modes, err := parseWords[marketplacev1.AcceptancePolicy_Mode](flagAcceptance, []string{f.acceptance})
		if err != nil {
			return nil, err
		}
		policy.Mode = modes[0]
	}
	for _, given := range f.skus {
		path, isFile := strings.CutPrefix(given, "@")
		if !isFile {
			if given != "" { // an empty one clears the list
				policy.Skus = append(policy.Skus, given)
			}
			continue
		}
		skus, err := skuFile(path)
		if err != nil {
			return nil, err
		}
		policy.Skus = append(policy.Skus, skus...)
	}
	if f.upTo != "" {
		limit, err := parseMoney(flagAcceptUpTo, f.upTo)
		if err != nil {
			return nil, err
		}
		policy.MaxTotal = limit
	}
	return policy, nil
}

// skuFile reads a file with one SKU a line; empty lines are left out.
func skuFile(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		var named *fs.PathError // the path is told once
		if errors.As(err, &named) {
			err = named.Err
		}
		return nil, usagef("--%s: file %s cannot be read: %w", flagAcceptSKU, path, err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	var skus []string
	bounded := &io.LimitedReader{R: f, N: maxSKUFile + 1}
	lines := bufio.NewScanner(bounded)
	for line := 1; lines.Scan(); line++ {
		if !utf8.Valid(lines.Bytes()) {
			return nil, usagef("--%s: file %s, line %d is %s; save the file as UTF-8", flagAcceptSKU, path, line, notUTF8)
		}
		if sku := strings.TrimSpace(lines.Text()); sku != "" {
			skus = append(skus, sku)
		}
	}
	switch {
	case lines.Err() != nil:
		return nil, usagef("--%s: file %s cannot be read: %w", flagAcceptSKU, path, lines.Err())
	case bounded.N == 0:
		return nil, usagef("--%s: file %s is larger than %d bytes", flagAcceptSKU, path, maxSKUFile)
	case len(skus) == 0:
		return nil, usagef("--%s: file %s holds no SKU", flagAcceptSKU, path)
	}
	return skus, nil
}

// shownSKUs is how many articles of a list are printed; --output json prints all.
const shownSKUs = 10

// policyFacts describes what a store does by itself.
func policyFacts(s *marketplacev1.StoreSettings) []fact {
	policy, schedule := s.GetAcceptance(), s.GetImportSchedule()
	skus, more := policy.GetSkus(), ""
	if n := len(skus) - shownSKUs; n > 0 {
		skus, more = skus[:shownSKUs], fmt.Sprintf("and %d more", n)
	}
	listed := ""
	if policy.GetMode() == marketplacev1.AcceptancePolicy_MODE_LISTED {
		listed = joined(", ", append(skus[:len(skus):len(skus)], more)...)
	}
	return []fact{
		{"Acceptance policy", policyWord(policy)},
		{"Accepted articles", listed},
		{"Scheduled imports", scheduleWord(schedule)},
	}
}

// policyWord says in a sentence which orders relais accepts.
func policyWord(p *marketplacev1.AcceptancePolicy) string {
	switch p.GetMode() {
	case marketplacev1.AcceptancePolicy_MODE_UNSPECIFIED, marketplacev1.AcceptancePolicy_MODE_MANUAL:
		return "a person decides (MANUAL)"
	case marketplacev1.AcceptancePolicy_MODE_ALL:
		return "every order is accepted (ALL)"
	case marketplacev1.AcceptancePolicy_MODE_LISTED:
		limit := "whatever it costs"
		if p.GetMaxTotal() != nil {
			limit = "up to " + amount(p.GetMaxTotal())
		}
		return fmt.Sprintf("orders of %s are accepted, %s (LISTED)", plural(len(p.GetSkus()), "listed article"), limit)
	}
	return word(p.GetMode())
}

func scheduleWord(s *marketplacev1.ImportSchedule) string {
	switch {
	case s.GetDisabled():
		return "none, on request only"
	case s.GetInterval() != nil:
		return "every " + span(s.GetInterval().AsDuration())
	}
	return "at the server's interval"
}

// plural counts things whose name takes an s.
func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return count(n) + " " + what
}
