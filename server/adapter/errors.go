package adapter

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	adapterv1 "github.com/relaishq/relais/proto/relais/adapter/v1"
	"github.com/relaishq/relais/server/problem"
)

// adapterDomain is the ErrorInfo domain of an error that the adapter itself made, as against one of the transport.
const adapterDomain = "relais.adapter"

// maxMessage bounds what an adapter may say to a person.
const maxMessage = 500

// translation is what a reason of the protocol means to the core.
type translation struct {
	kind   problem.Kind
	reason string
	advice string
}

// translations is one line for each value of adapterv1.ErrorReason that an adapter may return.
var translations = map[adapterv1.ErrorReason]translation{
	adapterv1.ErrorReason_ERROR_REASON_CREDENTIALS_REJECTED:  {problem.Precondition, problem.ReasonCredentialsRejected, "give the right ones: ConnectStore for a new store, RotateCredentials for a connected one"},
	adapterv1.ErrorReason_ERROR_REASON_SELLER_NOT_AUTHORIZED: {problem.Precondition, problem.ReasonSellerNotAuthorized, "ask the marketplace for the missing right"},
	adapterv1.ErrorReason_ERROR_REASON_SELLER_INACTIVE:       {problem.Precondition, problem.ReasonSellerInactive, "settle it with the marketplace's seller support"},
	adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_REFUSED:   {problem.Precondition, problem.ReasonMarketplaceRefused, ""},
	adapterv1.ErrorReason_ERROR_REASON_THROTTLED:             {problem.Exhausted, problem.ReasonThrottled, "wait"},
	adapterv1.ErrorReason_ERROR_REASON_MARKETPLACE_DOWN:      {problem.Unavailable, problem.ReasonMarketplaceDown, "try again later"},
	adapterv1.ErrorReason_ERROR_REASON_MALFORMED_ANSWER:      {problem.Internal, problem.ReasonMalformedAnswer, "try again later; if it stays, the marketplace's API has changed"},
	adapterv1.ErrorReason_ERROR_REASON_INVALID_REQUEST:       {problem.Invalid, problem.ReasonInvalidField, ""},
	adapterv1.ErrorReason_ERROR_REASON_INTERNAL:              {problem.Internal, problem.ReasonInternal, "the server's log tells more"},
}

// adapterReason returns the reason of an error that the adapter itself made; UNSPECIFIED for errors of the transport and
// for reasons that this server does not know.
func adapterReason(err error) adapterv1.ErrorReason {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == adapterDomain {
			return adapterv1.ErrorReason(adapterv1.ErrorReason_value["ERROR_REASON_"+info.GetReason()])
		}
	}
	return adapterv1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// problem turns the error of a call into what the core understands.
func (s *session) problem(ctx context.Context, err error) error {
	st := status.Convert(err)
	if t, ok := translations[adapterReason(err)]; ok {
		said := s.clean(st.Message())
		if t.reason == problem.ReasonInternal {
			// Whatever went wrong inside the adapter may quote what it was reading. Its own log tells more.
			said = "adapter " + s.adapter + " failed"
		}
		p := problem.New(t.kind, t.reason, "%s", joinSentence(said, t.advice))
		for _, d := range st.Details() {
			switch d := d.(type) {
			case *errdetails.RetryInfo:
				p.RetryAfter = waitOf(d.GetRetryDelay())
			case *errdetails.BadRequest:
				for _, v := range d.GetFieldViolations() {
					p.Fields = append(p.Fields, problem.Field{Path: s.clean(v.GetField()), Message: s.clean(v.GetDescription())})
				}
			}
		}
		return p
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case (st.Code() == codes.DeadlineExceeded || ctx.Err() != nil) && s.lease.Suspect():
		return s.unresponsive()
	case st.Code() == codes.DeadlineExceeded || ctx.Err() != nil:
		return &problem.Problem{
			Kind: problem.Unavailable, Reason: problem.ReasonMarketplaceDown,
			Message: "the marketplace did not answer in time; try again later",
		}
	case st.Code() == codes.Unavailable || st.Code() == codes.Canceled:
		return s.ended()
	case st.Code() == codes.ResourceExhausted: // gRPC's own: a message over the size limit
		return s.malformed("it sent a message over the size limit")
	}
	return &problem.Problem{
		Kind: problem.Internal, Reason: problem.ReasonInternal,
		Message: "adapter " + s.adapter + " failed (" + st.Code().String() + "); the server's log tells more",
	}
}

// ended is the problem of a call whose process ended.
func (s *session) ended() error {
	return &problem.Problem{
		Kind: problem.Unavailable, Reason: problem.ReasonAdapterDown, RetryAfter: time.Second,
		Message: "the process of adapter " + s.adapter + " ended during the call; it is being replaced, try again",
	}
}

// unresponsive is the problem of a process that stopped answering, or ended.
func (s *session) unresponsive() error {
	return &problem.Problem{
		Kind: problem.Unavailable, Reason: problem.ReasonAdapterDown, RetryAfter: time.Second,
		Message: "the process of adapter " + s.adapter + " does not answer; it is replaced if it stays so, try again",
	}
}

// waitOf is a wait that an adapter asks for, as far as anybody waits.
func waitOf(d *durationpb.Duration) time.Duration {
	return min(d.AsDuration(), problem.LongestRetryAfter)
}

// clean makes an adapter's text fit to be shown: short, on one line, without control characters, and without secrets.
func (s *session) clean(text string) string {
	text = s.mask(text)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }), " ")
	return cut(text, maxMessage)
}

// mask removes from an adapter's text, should the adapter have broken the rule, the secrets that it was given.
func (s *session) mask(text string) string {
	secrets := slices.Collect(maps.Values(s.store.GetCredentials()))
	// The longest first: one that holds another would else lose only that part.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// cut shortens a text to so many characters.
func cut(text string, limit int) string {
	if r := []rune(text); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return text
}

func joinSentence(said, advice string) string {
	if advice == "" {
		return said
	}
	return strings.TrimRight(said, ". ") + "; " + advice
}
