package sdk_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/relaishq/relais/adapters/sdk"
	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

func eur(units int64, nanos int32) *adapterv1.Money {
	return &adapterv1.Money{CurrencyCode: "EUR", Units: units, Nanos: nanos}
}

func TestParseMoney(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want *adapterv1.Money // nil: an error
	}{
		{"39.8", eur(39, 800_000_000)},
		{"39.80", eur(39, 800_000_000)},
		{"1", eur(1, 0)},
		{"0", eur(0, 0)},
		{"-0", eur(0, 0)},
		{"-0.5", eur(0, -500_000_000)},
		{"-12.05", eur(-12, -50_000_000)},
		{"+7.1", eur(7, 100_000_000)},
		{".5", eur(0, 500_000_000)},
		{"5.", eur(5, 0)},
		{"007.00", eur(7, 0)},
		{" 1.5\n", eur(1, 500_000_000)},
		{"0.000000001", eur(0, 1)},
		{"0.1234567890000", eur(0, 123_456_789)},
		{"9223372036854775807.999999999", eur(math.MaxInt64, 999_999_999)},
		{"-9223372036854775808.999999999", eur(math.MinInt64, -999_999_999)},
		{"9223372036854775808", nil},
		{"99999999999999999999", nil},
		{strings.Repeat("9", 100_000), nil},
		{"0.0000000001", nil},
		{"", nil},
		{".", nil},
		{"-", nil},
		{"--1", nil},
		{"1,5", nil},
		{"1 000", nil},
		{"1e3", nil},
		{"0x10", nil},
		{"1_000", nil},
		{"1.2.3", nil},
		{"1.-2", nil},
		{"٣", nil},
		{"NaN", nil},
		{"INF", nil},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%.40q", tt.text), func(t *testing.T) {
			t.Parallel()
			got, err := sdk.ParseMoney("EUR", tt.text)
			if (err == nil) != (tt.want != nil) {
				t.Fatalf("error = %v, want one: %v", err, tt.want == nil)
			}
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("the error repeats %d bytes of input", len(err.Error()))
			}
			if diff := cmp.Diff(tt.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseMoneyRefusesCurrencies(t *testing.T) {
	t.Parallel()
	for _, currency := range []string{"", "EU", "EURO", "eur", "€", "E R"} {
		if got, err := sdk.ParseMoney(currency, "1"); err == nil {
			t.Errorf("currency %q gives %s", currency, sdk.FormatMoney(got))
		}
	}
}

func TestFormatMoney(t *testing.T) {
	t.Parallel()
	tests := []struct {
		money *adapterv1.Money
		want  string
	}{
		{nil, "0"},
		{eur(0, 0), "0"},
		{eur(39, 800_000_000), "39.8"},
		{eur(0, -500_000_000), "-0.5"},
		{eur(-12, -50_000_000), "-12.05"},
		{eur(1, 1), "1.000000001"},
		{eur(math.MinInt64, -999_999_999), "-9223372036854775808.999999999"},
	}
	for _, tt := range tests {
		if got := sdk.FormatMoney(tt.money); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		if tt.money == nil {
			continue
		}
		back, err := sdk.ParseMoney("EUR", tt.want)
		if diff := cmp.Diff(tt.money, back, protocmp.Transform()); err != nil || diff != "" {
			t.Errorf("%s does not read back: %v\n%s", tt.want, err, diff)
		}
	}
}

func TestMoneyArithmetic(t *testing.T) {
	t.Parallel()
	usd := &adapterv1.Money{CurrencyCode: "USD", Units: 1}
	divide := func(m *adapterv1.Money, by int32) func() (*adapterv1.Money, error) {
		return func() (*adapterv1.Money, error) { return sdk.DivideMoney(m, by) }
	}
	add := func(a, b *adapterv1.Money) func() (*adapterv1.Money, error) {
		return func() (*adapterv1.Money, error) { return sdk.AddMoney(a, b) }
	}
	multiply := func(m *adapterv1.Money, by int64) func() (*adapterv1.Money, error) {
		return func() (*adapterv1.Money, error) { return sdk.MultiplyMoney(m, by) }
	}
	tests := []struct {
		name    string
		do      func() (*adapterv1.Money, error)
		want    *adapterv1.Money
		wantErr bool
	}{
		{name: "divide exactly", do: divide(eur(39, 800_000_000), 2), want: eur(19, 900_000_000)},
		{name: "divide by one", do: divide(eur(39, 800_000_000), 1), want: eur(39, 800_000_000)},
		{name: "a third is rounded down", do: divide(eur(10, 0), 3), want: eur(3, 333_333_333)},
		{name: "two thirds are rounded up", do: divide(eur(20, 0), 3), want: eur(6, 666_666_667)},
		{name: "a half is rounded up", do: divide(eur(0, 1), 2), want: eur(0, 1)},
		{name: "a negative half is rounded away from zero", do: divide(eur(0, -1), 2), want: eur(0, -1)},
		{name: "less than a half", do: divide(eur(0, 1), 3), want: eur(0, 0)},
		{name: "divide the largest", do: divide(eur(math.MaxInt64, 999_999_999), 1), want: eur(math.MaxInt64, 999_999_999)},
		{name: "divide by zero", do: divide(eur(1, 0), 0), wantErr: true},
		{name: "divide by less", do: divide(eur(1, 0), -1), wantErr: true},
		{name: "add with carry", do: add(eur(1, 600_000_000), eur(2, 700_000_000)), want: eur(4, 300_000_000)},
		{name: "add across zero", do: add(eur(1, 0), eur(-1, -500_000_000)), want: eur(0, -500_000_000)},
		{name: "add to nothing", do: add(nil, eur(1, 2)), want: eur(1, 2)},
		{name: "add nothing", do: add(eur(1, 2), nil), want: eur(1, 2)},
		{name: "nothing and nothing", do: add(nil, nil), want: nil},
		{name: "add other currency", do: add(eur(1, 0), usd), wantErr: true},
		{name: "add beyond the range", do: add(eur(math.MaxInt64, 0), eur(1, 0)), wantErr: true},
		{name: "multiply", do: multiply(eur(2, 500_000_000), 3), want: eur(7, 500_000_000)},
		{name: "multiply by zero", do: multiply(eur(2, 500_000_000), 0), want: eur(0, 0)},
		{name: "multiply beyond the range", do: multiply(eur(math.MaxInt64, 0), 2), wantErr: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := tt.do()
			if (err != nil) != tt.wantErr {
				t.Fatalf("error = %v, want one: %v", err, tt.wantErr)
			}
			if diff := cmp.Diff(tt.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
