package octopia_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/octopia"
)

// BenchmarkDecode reads pages of 100 orders into messages.
func BenchmarkDecode(b *testing.B) {
	var orders []object
	for i := range 100 {
		orders = append(orders, homeOrder(fmt.Sprint("N", i)))
	}
	body := page(orders...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := octopia.ReadOrders(strings.NewReader(body)); err != nil || len(got) != 100 {
			b.Fatal(len(got), err)
		}
	}
}
