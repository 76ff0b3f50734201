package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protodelim"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// writeOrders writes orders as length-delimited messages.
func writeOrders(path string, orders []*adapterv1.Order) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for _, o := range orders {
		if _, err := protodelim.MarshalTo(w, o); err != nil {
			return err
		}
	}
	return w.Flush()
}

// readOrders reads what writeOrders wrote.
func readOrders(path string) ([]*adapterv1.Order, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReaderSize(f, 1<<20)
	var orders []*adapterv1.Order
	for {
		o := &adapterv1.Order{}
		switch err := protodelim.UnmarshalFrom(r, o); {
		case errors.Is(err, io.EOF):
			return orders, nil
		case err != nil:
			return nil, err
		}
		orders = append(orders, o)
	}
}
