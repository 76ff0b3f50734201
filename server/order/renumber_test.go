package order_test

import (
	"slices"
	"testing"

	"github.com/relaishq/relais/server/order"
)

func TestRenumber(t *testing.T) {
	t.Parallel()
	named := func(number, nativeID, reference string) order.Order {
		return order.Order{Number: number, NativeID: nativeID, Reference: reference}
	}
	for _, c := range []struct {
		name   string
		orders []order.Order
		asked  []string
		want   []order.Order // nil: an error
	}{
		{"by number", []order.Order{named("1", "", "r")}, []string{"1", "2"}, []order.Order{named("1", "", "r")}},
		{"by reference", []order.Order{named("b1", "", "1")}, []string{"1"}, []order.Order{named("1", "b1", "1")}},
		{"by reference, with a native id", []order.Order{named("b1", "api-1", "1")}, []string{"1"}, []order.Order{named("1", "api-1", "1")}},
		{"the number goes first", []order.Order{named("1", "", "2")}, []string{"1", "2"}, []order.Order{named("1", "", "2")}},
		{"two that share a reference", []order.Order{named("b1", "", "1"), named("b2", "", "1"), named("3", "", "")}, []string{"1", "3"},
			[]order.Order{named("3", "", "")}},
		{"a reference that is the number of another", []order.Order{named("b1", "", "1"), named("1", "", "")}, []string{"1"},
			[]order.Order{named("1", "", "")}},
		{"the same, the other way round", []order.Order{named("1", "", ""), named("b1", "", "1")}, []string{"1"},
			[]order.Order{named("1", "", "")}},
		{"two that share a reference, and one has its number", []order.Order{named("b1", "", "1"), named("1", "", "1")}, []string{"1"},
			[]order.Order{named("1", "", "1")}},
		{"one that shares its own number with a reference of its own kind", []order.Order{named("1", "", "2"), named("b2", "", "2")}, []string{"1", "2"},
			[]order.Order{named("1", "", "2"), named("2", "b2", "2")}},
		{"none", nil, []string{"1"}, []order.Order{}},
		{"one that was not asked for", []order.Order{named("1", "", ""), named("2", "", "3")}, []string{"1"}, nil},
		{"an empty reference is no number", []order.Order{named("2", "", "")}, []string{"1", ""}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := order.Renumber(slices.Clone(c.orders), c.asked)
			if (err != nil) != (c.want == nil) {
				t.Fatalf("error %v", err)
			}
			if err == nil {
				same(t, "orders", got, c.want)
			}
		})
	}
}
