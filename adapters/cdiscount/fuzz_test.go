package cdiscount_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/cdiscount"
	"github.com/relaishq/relais/adapters/cdiscount/internal/xmlpull/xmlpulltest"
	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// FuzzDecode: the same orders as the reference, or both an error.
func FuzzDecode(f *testing.F) {
	// Small documents: what is new about a large one takes the fuzzer too long to find.
	small := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><GetOrderListResponse><GetOrderListResult>` +
		`<OperationSuccess>true</OperationSuccess><OrderList><Order xmlns:i="` + nsInstance + `"><CreationDate>2026-05-02T10:15:00.12</CreationDate>` +
		`<OrderLineList><OrderLine><Name>T-shirt</Name><Quantity>2</Quantity></OrderLine></OrderLineList><OrderNumber>N1</OrderNumber>` +
		`<ShippingAddress><City>LYON</City><RelayId i:nil="true"/></ShippingAddress></Order></OrderList>` +
		`</GetOrderListResult></GetOrderListResponse></Body></Envelope>`
	f.Add(small)
	f.Add(small[:len(small)-30])
	f.Add(small[:len(small)/2])
	f.Add(strings.Replace(small, "</OrderNumber>", "</OrderState>", 1))
	f.Add(strings.Replace(small, "<City>LYON", "<City>L&#89;O<![CDATA[N&]]> \U0001F600<x>no</x>", 1))
	f.Add(strings.Replace(small, "<OrderLine>", `<OrderLine i:nil="true"/><OrderLine>`, 1))
	f.Add(strings.Replace(small, "<OrderList>", `<OrderList><Order xmlns:j="`+nsInstance+`" j:nil="1"/><Other/>`, 1))
	f.Add(strings.Replace(small, "<OrderList>", "<!-- c --><?p x?><OrderList>", 1))
	f.Add(strings.Replace(small, ">true<", ">false<", 1))
	f.Add(strings.Replace(small, "<OperationSuccess>true</OperationSuccess>", "", 1))
	f.Add(strings.Replace(small, "<City>", "<City>PARIS</City><City>", 1))
	f.Add(strings.Replace(small, "<OrderList>", "<OrderList></OrderList><OrderList>", 1))
	f.Add(strings.Replace(small, "<OrderLineList>", "<OrderLineList/><OrderLineList>", 1))
	f.Add(strings.Replace(small, "<OrderList>", "<OrderList>no", 1))
	f.Add(orderList())
	f.Add(faultAnswer(internalFault, "x"))
	f.Add(envelopeWith("GetOrderList", "é", "true", errorQuota, ""))
	f.Fuzz(func(t *testing.T, doc string) {
		var got []*adapterv1.Order
		err := cdiscount.DecodeOrderList(strings.NewReader(doc), func(o *adapterv1.Order) error { got = append(got, o); return nil })
		want, wantErr := reference(doc)
		switch {
		case err == nil && wantErr == nil:
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-reference +adapter):\n%s", diff)
			}
		case err == nil:
			if !xmlpulltest.MayDiffer(doc) {
				t.Errorf("%d orders, the reference says %v", len(got), wantErr)
			}
		case wantErr == nil:
			if !xmlpulltest.MayRefuse(doc) && !strings.Contains(err.Error(), "larger than") {
				t.Errorf("error %v, the reference reads %d orders", err, len(want))
			}
		}
	})
}

// FuzzParisTime: every reading of a clock in Paris gives an instant at which clocks there show it, the earlier one of two;
// and a filter that begins or ends at an instant covers it.
func FuzzParisTime(f *testing.F) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"2026-01-15T12:00:00", "2026-03-29T02:30:00", "2026-10-25T02:30:00.5", "2026-10-25T03:00:00", "0001-01-01T00:00:00", "2026-02-29T00:00:00",
		"2026-07-15T12:00:00.1234567", "2026-07-15T12:00:00+05:00", "2026-07-15T12:00:00Z", "1911-03-10T23:50:39", "1940-06-14T23:00:00",
		"2049-12-31T23:59:59", "2026-07-15T12:00:00,5", "2026-07-15T24:00:00", " 2026-07-15T12:00:00\n", "2026-7-15T12:00:00", "9999-12-31T23:59:59.999999999", "",
	} {
		f.Add(text)
	}
	const layout = "2006-01-02T15:04:05.999999999"
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := cdiscount.ParseDate(text)
		wall, wallErr := time.Parse("2006-01-02T15:04:05", strings.TrimSpace(text))
		zoned, zonedErr := time.Parse(time.RFC3339, strings.TrimSpace(text))
		switch {
		case strings.TrimSpace(text) == "" || (wallErr == nil && wall.Year() <= 1) || (wallErr != nil && zonedErr == nil && zoned.Year() <= 1):
			if !ok || !got.IsZero() {
				t.Errorf("%q: %v %v, want unset", text, got, ok)
			}
		case wallErr == nil:
			if !ok || got.Location() != time.UTC {
				t.Fatalf("%q: %v %v", text, got, ok)
			}
			shown, read := got.In(paris).Format(layout), wall.Format(layout)
			if skipped := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), paris); shown != read && skipped.Format(layout) == read {
				t.Errorf("%q is %v, when clocks in Paris show %s", text, got, shown)
			}
			for _, hours := range []time.Duration{1, 2} {
				if earlier := got.Add(-hours * time.Hour); earlier.In(paris).Format(layout) == read {
					t.Errorf("%q is %v, and %v shows the same", text, got, earlier)
				}
			}
			covers(t, paris, got)
		case zonedErr == nil:
			if !ok || !got.Equal(zoned) {
				t.Errorf("%q: %v %v, want %v", text, got, ok, zoned)
			}
		case ok:
			t.Errorf("%q reads as %v", text, got)
		}
	})
}

// covers checks that a filter from an instant has every later reading of the next hours behind its begin, and one until it
// every earlier reading before its end.
func covers(t *testing.T, paris *time.Location, at time.Time) {
	t.Helper()
	if at.Year() < 1990 || at.Year() > 9990 {
		return // no marketplace then, and no four digits for the year
	}
	const layout = "2006-01-02T15:04:05.00"
	begin, end := cdiscount.FilterBegin(at), cdiscount.FilterEnd(at)
	for minutes := range 181 {
		later, earlier := at.Add(time.Duration(minutes)*time.Minute).In(paris), at.Add(-time.Duration(minutes)*time.Minute).In(paris)
		if later.Format(layout) < begin || earlier.Format(layout) > end {
			t.Fatalf("the filters %s and %s do not cover %d minutes around %v", begin, end, minutes, at)
		}
	}
}

// FuzzAmount: an amount is exact or an error, and what is computed from it is what the SDK computes.
func FuzzAmount(f *testing.F) {
	for _, text := range []string{
		"39.8", "-0.5", "1", "85.00", "0.000000001", "1.0000000001", "1.0000000000", "9223372036854775807.999999999", "9223372036854775808",
		"999999999999999999.9", ".5", "5.", ".", "-", "+1", "1,5", "1e3", " 2 ", "", "0x1", "١", "00000000000000000000001.5", "-.000000001",
	} {
		f.Add(text, int32(3), "0.7")
	}
	f.Add("1000000.999999999", int32(1000), "1000000")
	f.Add("0.000000003", int32(2), "-0.000000003")
	f.Fuzz(func(t *testing.T, text string, quantity int32, other string) {
		got, err := cdiscount.ParseAmount(text)
		want, wantErr := sdk.ParseMoney("EUR", text)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, the SDK's %v", text, err, wantErr)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Fatalf("%q (-sdk +adapter):\n%s", text, diff)
		}
		exact, readable := new(big.Rat).SetString(strings.TrimSpace(text))
		if held, _ := new(big.Rat).SetString(sdk.FormatMoney(got)); !readable || held.Cmp(exact) != 0 {
			t.Fatalf("%q is held as %s", text, sdk.FormatMoney(got))
		}
		if quantity <= 0 {
			return
		}
		piece, err := cdiscount.PieceOf(got, quantity)
		wantPiece, wantErr := sdk.DivideMoney(got, quantity)
		if diff := cmp.Diff(wantPiece, piece, protocmp.Transform()); diff != "" || (err == nil) != (wantErr == nil) {
			t.Errorf("%q ÷ %d: error %v (-sdk +adapter):\n%s", text, quantity, err, diff)
		}
		further, err := cdiscount.ParseAmount(other)
		if err != nil {
			return
		}
		sum, err := cdiscount.ShippingOf(got, further, quantity)
		var wantSum *adapterv1.Money
		rest, wantErr := sdk.MultiplyMoney(further, int64(quantity-1))
		if wantErr == nil {
			wantSum, wantErr = sdk.AddMoney(got, rest)
		}
		if diff := cmp.Diff(wantSum, sum, protocmp.Transform()); diff != "" || (err == nil) != (wantErr == nil) {
			t.Errorf("%q + %q × %d: error %v (-sdk +adapter):\n%s", text, other, quantity-1, err, diff)
		}
	})
}
