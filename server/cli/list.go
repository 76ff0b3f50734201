package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
)

// maxPageSize is the server's cap of page_size in every list method.
const maxPageSize = 500

// paging is what the flags of a list command say.
type paging struct {
	limit int
	all   bool
	token string
}

func (p *paging) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&p.limit, "limit", 50, "print at most this many")
	flags.BoolVar(&p.all, "all", false, "print all of them")
	flags.StringVar(&p.token, "page-token", "", "go on where an earlier list with the same filters ended")
	exclusive(cmd, "limit", "all")
}

// listing is one list method: how to read a page and how to print an item.
type listing[T proto.Message] struct {
	plural string // for "no orders"
	key    string // JSON name of the list in the response message
	header []string
	row    func(T) []string
	// fetch reads one page of at most size items.
	fetch func(ctx context.Context, size int32, token string) (items []T, next string, err error)
}

// list reads pages until the limit or the end and prints their items. JSON is written while it is read, as one document
// in the form of the response message; a table needs all rows for its columns. When a page fails, what was read before
// it is printed and the error says how to go on.
func list[T proto.Message](ctx context.Context, a *app, p paging, l listing[T]) error {
	left := p.limit
	if p.all {
		left = math.MaxInt
	}
	if left <= 0 {
		return usagef("--limit must be at least 1")
	}
	var out sink[T] = &tableSink[T]{app: a, listing: l, tabs: newTabs(a.Out)}
	if a.output == outputJSON {
		out = &jsonSink[T]{app: a, key: l.key}
	}
	token, count := p.token, 0
	for {
		items, next, err := l.fetch(ctx, int32(min(left, maxPageSize)), token)
		if err == nil && next != "" && next == token {
			err = errors.New("the server returned the same page twice")
		}
		if err != nil {
			if count == 0 {
				return err
			}
			return errors.Join(&hintError{err, "go on with --page-token " + token}, out.end(token))
		}
		for _, item := range items {
			if err := out.item(item); err != nil {
				return err
			}
		}
		count += len(items)
		left -= len(items)
		token = next
		if token == "" || left <= 0 {
			break
		}
	}
	if err := out.end(token); err != nil {
		return err
	}
	switch {
	case count == 0:
		a.note("no %s", l.plural)
	case token != "":
		a.note("there are more %s: go on with --page-token %s, or print all with --all", l.plural, token)
	}
	return nil
}

// sink takes the items of a list.
type sink[T proto.Message] interface {
	item(T) error
	// end finishes the output; next is the token of the page that was not read, empty at the end of the list.
	end(next string) error
}

type tableSink[T proto.Message] struct {
	app     *app
	listing listing[T]
	tabs    *tabwriter.Writer
	begun   bool
}

func (s *tableSink[T]) item(item T) error {
	if !s.begun {
		writeRow(s.tabs, s.listing.header)
		s.begun = true
	}
	writeRow(s.tabs, s.listing.row(item))
	return nil
}

func (s *tableSink[T]) end(string) error { return written(0, s.tabs.Flush()) }

type jsonSink[T proto.Message] struct {
	app   *app
	key   string
	begun bool
}

func (s *jsonSink[T]) item(item T) error {
	doc, err := indented(item, "    ")
	if err != nil {
		return err
	}
	lead := ",\n    "
	if !s.begun {
		lead = fmt.Sprintf("{\n  %q: [\n    ", s.key)
		s.begun = true
	}
	return written(fmt.Fprintf(s.app.Out, "%s%s", lead, doc))
}

func (s *jsonSink[T]) end(next string) error {
	token, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the page token: %w", err)
	}
	if !s.begun {
		return written(fmt.Fprintf(s.app.Out, "{\n  %q: [],\n  \"nextPageToken\": %s\n}\n", s.key, token))
	}
	return written(fmt.Fprintf(s.app.Out, "\n  ],\n  \"nextPageToken\": %s\n}\n", token))
}
