// Package control is a client of the control API of a relais sandbox, with as much of it as the conformance checks use. It shares
// no type with the sandbox: the API's JSON is all that they have in common.
package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds an answer of the control API, in bytes.
const maxAnswer = 64 << 20

// Client calls the control API of one sandbox. It is safe for concurrent use.
type Client struct {
	base string
	http *http.Client
}

// New makes a client of the sandbox at a base address such as "http://127.0.0.1:7480".
func New(base string) *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http documents its type
	transport.Proxy = nil                                        // the sandbox is on this machine
	return &Client{base: strings.TrimRight(base, "/"), http: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// Close drops the connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Base is the address of the sandbox.
func (c *Client) Base() string { return c.base }

// RefusedError says that the sandbox did not do what was asked.
type RefusedError struct {
	// Status is the HTTP status: 400 for what it does not know or allow, 404 for what is not there.
	Status int
	// Message is what the sandbox said.
	Message string
}

// Error returns the sandbox's sentence.
func (e *RefusedError) Error() string { return "the sandbox refused: " + e.Message }

// Refused reports whether the sandbox understood and did not want: it has no such thing.
func Refused(err error) bool {
	var refused *RefusedError
	return errors.As(err, &refused) && refused.Status < http.StatusInternalServerError
}

// call sends body as JSON, unless it is nil, and decodes the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, body, out any) error {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("control API: %w", err)
		}
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return fmt.Errorf("control API: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("control API: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("control API: read the answer of %s %s: %w", method, path, err)
	}
	if resp.StatusCode != http.StatusOK {
		var said struct{ Error string }
		if json.Unmarshal(answer, &said) != nil || said.Error == "" {
			said.Error = fmt.Sprintf("%s %s: HTTP %d", method, path, resp.StatusCode)
		}
		return &RefusedError{Status: resp.StatusCode, Message: said.Error}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("control API: decode the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// Health asks whether the sandbox answers.
func (c *Client) Health(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/sandbox/health", nil, nil)
}

// Now returns the sandbox's time.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	var clock struct{ Now time.Time }
	err := c.call(ctx, http.MethodGet, "/sandbox/clock", nil, &clock)
	return clock.Now, err
}

// SellerSpec creates or changes a seller. The key "account" names it; the others are the control API's own.
type SellerSpec map[string]any

// Seller is a seller as the control API tells it.
type Seller struct {
	Account string `json:"account"`
	// Credentials are what an adapter needs for this seller: values by key, by face.
	Credentials map[string]map[string]string `json:"credentials"`
}

// PutSeller creates or changes a seller.
func (c *Client) PutSeller(ctx context.Context, spec SellerSpec) (Seller, error) {
	var seller Seller
	err := c.call(ctx, http.MethodPost, "/sandbox/sellers", spec, &seller)
	return seller, err
}

// OrderSpec asks for one or more orders; see world.Spec in the sandbox. Keys that are left out are invented.
type OrderSpec map[string]any

// CreateOrders makes orders and returns their numbers.
func (c *Client) CreateOrders(ctx context.Context, spec OrderSpec) ([]string, error) {
	var made struct{ Numbers []string }
	err := c.call(ctx, http.MethodPost, "/sandbox/orders", spec, &made)
	return made.Numbers, err
}

// PatchOrder changes an order as the marketplace or the buyer would; see world.Patch in the sandbox.
func (c *Client) PatchOrder(ctx context.Context, number string, patch map[string]any) error {
	return c.call(ctx, http.MethodPatch, "/sandbox/orders/"+url.PathEscape(number), patch, nil)
}

// Order is an order as the sandbox knows it to be, as far as checks compare it.
type Order struct {
	Number     string    `json:"number"`
	Seller     string    `json:"seller"`
	State      string    `json:"state"`
	Created    time.Time `json:"created"`
	Modified   time.Time `json:"modified"`
	Fulfilment string    `json:"fulfilment"`
	Lines      []struct {
		SKU      string `json:"sku"`
		EAN      string `json:"ean"`
		Quantity int    `json:"quantity"`
		Total    string `json:"total"`
	} `json:"lines"`
}

// Order reads an order.
func (c *Client) Order(ctx context.Context, number string) (Order, error) {
	var o Order
	err := c.call(ctx, http.MethodGet, "/sandbox/orders/"+url.PathEscape(number), nil, &o)
	return o, err
}

// Write is a write that the marketplace received.
type Write struct {
	Sequence       int64  `json:"sequence"`
	API            string `json:"api"`
	Seller         string `json:"seller"`
	Order          string `json:"order"`
	Action         string `json:"action"`
	Carrier        string `json:"carrier"`
	TrackingNumber string `json:"tracking_number"`
	TrackingURL    string `json:"tracking_url"`
	Applied        bool   `json:"applied"`
	Fault          string `json:"fault"`
}

// Writes returns the writes that were received for a seller, in their order.
func (c *Client) Writes(ctx context.Context, seller string) ([]Write, error) {
	var log struct{ Writes []Write }
	err := c.call(ctx, http.MethodGet, "/sandbox/writes?seller="+url.QueryEscape(seller), nil, &log)
	return log.Writes, err
}

// QuotaTellsDelay reports whether a face's answer to a volume quota that is used up says how long to wait. A sandbox that does not
// tell about its faces says no.
func (c *Client) QuotaTellsDelay(ctx context.Context, face string) (bool, error) {
	var all struct {
		Faces []struct {
			Name            string
			QuotaTellsDelay bool `json:"quota_tells_delay"`
		}
	}
	if err := c.call(ctx, http.MethodGet, "/sandbox/faces", nil, &all); err != nil && !Refused(err) {
		return false, err
	}
	for _, f := range all.Faces {
		if f.Name == face {
			return f.QuotaTellsDelay, nil
		}
	}
	return false, nil
}

// Any stands for all actions in a Fault.
const Any = "*"

// Fault is a rule by which calls of one seller fail.
type Fault struct {
	On     string         `json:"on"` // action: "list", "ship", …, or Any
	API    string         `json:"api,omitempty"`
	Kind   string         `json:"kind"`
	Times  int            `json:"times,omitempty"`
	After  int            `json:"after_calls,omitempty"`
	Seller string         `json:"seller,omitempty"`
	Order  string         `json:"order,omitempty"`
	Params map[string]any `json:"params,omitempty"`
}

// AddFault puts a rule into force and returns its id.
func (c *Client) AddFault(ctx context.Context, f Fault) (int64, error) {
	var added struct{ ID int64 }
	err := c.call(ctx, http.MethodPost, "/sandbox/faults", f, &added)
	return added.ID, err
}

// RemoveFault takes a rule out of force.
func (c *Client) RemoveFault(ctx context.Context, id int64) error {
	return c.call(ctx, http.MethodDelete, "/sandbox/faults/"+strconv.FormatInt(id, 10), nil, nil)
}

// Hits returns when a rule hit, in order.
func (c *Client) Hits(ctx context.Context, id int64) ([]time.Time, error) {
	var all struct {
		Hits []struct {
			Rule     int64     `json:"rule"`
			WallTime time.Time `json:"wall_time"`
		}
	}
	if err := c.call(ctx, http.MethodGet, "/sandbox/faults", nil, &all); err != nil {
		return nil, err
	}
	var times []time.Time
	for _, hit := range all.Hits {
		if hit.Rule == id {
			times = append(times, hit.WallTime)
		}
	}
	return times, nil
}

// Product is an article of the marketplace's catalogue.
type Product struct {
	EAN    string `json:"ean"`
	Colour string `json:"colour,omitempty"`
	Size   string `json:"size,omitempty"`
}

// PutProduct adds an article to the catalogue, or replaces it.
func (c *Client) PutProduct(ctx context.Context, p Product) error {
	return c.call(ctx, http.MethodPost, "/sandbox/products", p, nil)
}
