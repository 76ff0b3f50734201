package cli

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// operands accepts between low and high positional arguments, and checks required and exclusive flags at the same time so
// that all of them are usage errors. The message counts the arguments and does not repeat them: one may be a misplaced
// secret.
func operands(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || len(args) > high {
			_, expected, _ := strings.Cut(cmd.Use, " ")
			if expected == "" {
				expected = "no arguments"
			}
			return usagef("%s expects %s, got %d argument(s)", cmd.CommandPath(), expected, len(args))
		}
		if err := checkText(cmd.Flags(), args); err != nil {
			return err
		}
		return checkFlags(cmd.Flags())
	}
}

// NoArguments refuses arguments as the client commands do, for commands that others add.
func NoArguments(cmd *cobra.Command, args []string) error { return operands(0, 0)(cmd, args) }

// notUTF8 is what to do about bytes that are no text. The API carries UTF-8 only.
const notUTF8 = "not valid UTF-8"

// checkText wants arguments and flags to be text. It does not repeat them: what is no text may do anything to a terminal, and may be a
// secret.
func checkText(flags *pflag.FlagSet, args []string) (err error) {
	for i, arg := range args {
		if !utf8.ValidString(arg) {
			return usagef("argument %d is %s", i+1, notUTF8)
		}
	}
	flags.Visit(func(f *pflag.Flag) {
		if err == nil && !utf8.ValidString(f.Value.String()) {
			err = usagef("--%s is %s", f.Name, notUTF8)
		}
	})
	return err
}

// exclusion is the annotation of a flag that must not be given beside others, which it names.
const exclusion = "relais_excludes"

// checkFlags wants the flags that require marks, and one at most of those that exclusive marks. Cobra would check them too, in words of
// its own.
func checkFlags(flags *pflag.FlagSet) (err error) {
	var missing []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Changed && f.Annotations[cobra.BashCompOneRequiredFlag] != nil {
			missing = append(missing, "--"+f.Name)
		}
		for _, other := range f.Annotations[exclusion] {
			if err == nil && f.Changed && flags.Changed(other) {
				err = usagef("--%s and --%s exclude each other", f.Name, other)
			}
		}
	})
	switch len(missing) {
	case 0:
		return err
	case 1:
		return usagef("%s is required", missing[0])
	}
	return usagef("%s are required", strings.Join(missing, " and "))
}

// require marks a flag that must be given.
func require(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag does not exist: a defect of this package that every test would show
		}
	}
}

// exclusive marks flags of which one at most may be given.
func exclusive(cmd *cobra.Command, names ...string) {
	cmd.MarkFlagsMutuallyExclusive(names...) // the shell does not offer the others
	for i, name := range names {
		if err := cmd.Flags().SetAnnotation(name, exclusion, slices.Delete(slices.Clone(names), i, i+1)); err != nil {
			panic(err) // as in require
		}
	}
}

// complete offers words to the shell for the value of a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	fixed := cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(flag, fixed); err != nil {
		panic(err) // as in require
	}
}
