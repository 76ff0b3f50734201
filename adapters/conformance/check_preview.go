package conformance

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
)

// masked is what a preview shows in place of a secret.
const masked = "***"

func previewChecks() []check {
	return []check{
		{Info: Info{
			ID: "preview-offline", Title: "previews without sending", Sandbox: true,
			Proves: "PreviewShipment is answered without credentials and without a request to any of the addresses.",
		}, run: preview(previewOffline)},
		{Info: Info{
			ID: "preview-masked", Title: "previews without secrets", Sandbox: true,
			Proves: "No credential and no token that the adapter has used stands in a preview.",
		}, run: preview(previewMasked)},
		{Info: Info{
			ID: "preview-true", Title: "previews what it will send", Sandbox: true,
			Proves: "The request that NotifyShipments then makes has the method, the address and the body of the preview, up to what is masked.",
		}, run: preview(previewTrue)},
	}
}

// preview makes a check of adapters that preview.
func preview(run func(ctx context.Context, d *desk) error) func(context.Context, *subject) error {
	return func(ctx context.Context, s *subject) error {
		if !s.capabilities().GetPreview() {
			return skipped("the adapter does not declare preview")
		}
		d, err := s.newDesk(ctx)
		if err != nil {
			return err
		}
		return run(ctx, d)
	}
}

// previewed asks for the preview of an item.
func (d *desk) previewed(ctx context.Context, store *adapterv1.StoreContext, it item) ([]*adapterv1.HttpRequest, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := d.PreviewShipment(ctx, &adapterv1.PreviewShipmentRequest{Store: store, Notification: it.notification()})
	if err != nil {
		return nil, failed("PreviewShipment", err)
	}
	if len(resp.GetRequests()) == 0 {
		return nil, fmt.Errorf("PreviewShipment shows no request")
	}
	return resp.GetRequests(), nil
}

func previewOffline(ctx context.Context, d *desk) error {
	items, err := d.items(ctx, stateReady, 1)
	if err != nil {
		return err
	}
	door, err := newGate(ctx, d.sandbox.Base(), func(int) bool { return false })
	if err != nil {
		return err
	}
	defer door.close()
	store := door.store(d.shop.context(nil))
	store.Credentials = nil
	fresh, err := d.start(ctx)
	if err != nil {
		return err
	}
	elsewhere := *d
	elsewhere.process = fresh
	var f findings
	requests, err := elsewhere.previewed(ctx, store, items[0])
	if err != nil {
		return err
	}
	for _, r := range requests {
		if u, err := url.Parse(r.GetUrl()); err != nil || !strings.HasPrefix(r.GetUrl(), door.url+"/") || u.Path == "" || r.GetMethod() == "" {
			f.addf("a request of the preview goes %q to %q, which is none of the store's addresses", r.GetMethod(), r.GetUrl())
		}
	}
	if n := door.count(); n > 0 {
		f.addf("the preview made %d requests", n)
	}
	log, err := d.shop.writes(ctx, "")
	if err != nil {
		return err
	}
	if len(log) > 0 {
		f.addf("the preview wrote to the marketplace")
	}
	return f.err()
}

func previewMasked(ctx context.Context, d *desk) error {
	door, err := newGate(ctx, d.sandbox.Base(), func(int) bool { return false })
	if err != nil {
		return err
	}
	defer door.close()
	items, err := d.items(ctx, stateReady, 1)
	if err != nil {
		return err
	}
	fresh, err := d.start(ctx)
	if err != nil {
		return err
	}
	at := *d
	at.process = fresh
	// The process logs in first, so that it has a token to betray.
	_, state, err := fresh.account(ctx, door.store(d.shop.store))
	if err != nil {
		return failed("CheckConnection", err)
	}
	store := door.store(d.shop.context(state))
	requests, err := at.previewed(ctx, store, items[0])
	if err != nil {
		return err
	}
	var f findings
	for what, secret := range d.secretsOf(d.shop, door) {
		for _, r := range requests {
			for name, value := range r.GetHeaders() {
				if strings.Contains(value, secret) {
					f.addf("the header %s of the preview holds %s", name, what)
				}
			}
			if strings.Contains(r.GetBody(), secret) || strings.Contains(r.GetUrl(), secret) {
				f.addf("body or address of the preview hold %s", what)
			}
		}
	}
	return f.err()
}

func previewTrue(ctx context.Context, d *desk) error {
	door, err := newGate(ctx, d.sandbox.Base(), func(int) bool { return false })
	if err != nil {
		return err
	}
	defer door.close()
	items, err := d.items(ctx, stateReady, 1)
	if err != nil {
		return err
	}
	store := door.store(d.store)
	shown, err := d.previewed(ctx, store, items[0])
	if err != nil {
		return err
	}
	before := len(door.seen(0))
	at := *d
	at.store = store
	results, err := at.send(ctx, writesOf("ship")[0], items...)
	if err != nil {
		return failed("NotifyShipments", err)
	}
	if err := outcomes("NotifyShipments after a preview", results[0], applied); err != nil {
		return err
	}
	sent := door.seen(before)
	// A login may have come first; the preview leaves it out.
	if extra := len(sent) - len(shown); extra > 0 {
		sent = sent[extra:]
	}
	var f findings
	if len(sent) != len(shown) {
		f.addf("the preview shows %d requests, and %d were made", len(shown), len(sent))
		return f.err()
	}
	for i, want := range shown {
		got := sent[i]
		if got.method != want.GetMethod() || !matches(want.GetUrl(), door.url+got.path) {
			f.addf("request %d went %s to another address than the preview's %s", i+1, got.method, want.GetMethod())
		}
		if !matches(want.GetBody(), string(got.request)) {
			f.addf("request %d has another body than the preview: %d bytes instead of %d", i+1, len(got.request), len(want.GetBody()))
		}
		for name, value := range want.GetHeaders() {
			if !matches(value, strings.Join(got.header.Values(name), ", ")) {
				f.addf("request %d has another header %s than the preview", i+1, name)
			}
		}
	}
	return f.err()
}

// matches reports whether a text is the shown one, with anything in place of what is masked.
func matches(shown, text string) bool {
	parts := strings.Split(shown, masked)
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, `.*`) + `$`).MatchString(text)
}
