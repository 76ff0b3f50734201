package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/relaishq/relais/server/problem"
)

// Standing is how the credentials of a store for an adapter stand with the marketplace. One refusal can be a mistake of the
// marketplace, so it is believed only when it is repeated. Meanwhile and afterwards nothing goes through the adapter by itself but a
// probe now and then: asking again and again with refused credentials may lock the account.
//
// Some token services answer refused credentials with nothing, or a page. Answers in a row that nobody can read therefore hold the
// work behind a probe too. They prove nothing, so they are never believed to be a refusal: a person is told to look.
type Standing struct {
	// Refusals is how often the credentials were refused since they last worked.
	Refusals int
	// Garbled is how many answers could not be read since the last exchange that went well. Those that come in before a probe is due
	// are not counted.
	Garbled int
	// Since is when the first of the refusals came, or, without one, of the garbled answers.
	Since time.Time
	// Refused is true when the refusals are believed, and a person is asked for.
	Refused bool
	// NextProbe is when the credentials are tried next; zero while they work, as far as relais knows.
	NextProbe time.Time
}

// Works reports whether the credentials work, as far as relais knows.
func (s Standing) Works() bool { return s.NextProbe.IsZero() }

// Problem is what whoever needs these credentials is told while they do not work, so that nobody asks with them
// but a probe; nil while they work.
func (s Standing) Problem(adapter string) error {
	switch {
	case s.Works():
		return nil
	case s.Refusals > 0:
		return problem.New(problem.Precondition, problem.ReasonCredentialsRejected,
			"the marketplace refused the credentials for adapter %s; relais tries them again at %s and asks nothing else of it until then",
			adapter, s.NextProbe.UTC().Format(time.RFC3339))
	}
	return problem.New(problem.Internal, problem.ReasonMalformedAnswer,
		"nobody could read what the marketplace answered to adapter %s, which may be because of the credentials; relais tries them again at %s and asks nothing else of it until then",
		adapter, s.NextProbe.UTC().Format(time.RFC3339))
}

// suspicious reports whether garbled answers alone hold the work up for so long that a person is to look.
func (s Standing) suspicious() bool { return s.Refusals == 0 && s.Garbled >= doubtful+2 }

// RefusalPolicy says when refused credentials are believed to be wrong, and when they are tried again. A wait is up to a fifth
// longer than it says here, so that stores which were refused together do not stay together.
type RefusalPolicy struct {
	// Suspicion is how long refusals must go on before they are believed: three of them at least, the second after a fifth of that
	// time.
	Suspicion time.Duration
	// ProbeMin is the wait after refusals that are believed; it doubles with each further one up to ProbeMax. It is also the longest
	// wait after garbled answers: those may be an outage, which ends by itself.
	ProbeMin, ProbeMax time.Duration
}

const (
	// believed is how many refusals in a row it takes at least.
	believed = 3
	// doubtful is how many garbled answers in a row hold the work up: more than one odd order or one bad minute brings about, and few
	// enough that no account is locked.
	doubtful = 5
)

// after returns how credentials stand after an exchange that was made with them; err is nil when it went well.
func (p RefusalPolicy) after(s Standing, err error, now time.Time) Standing {
	unreadable := problem.HasReason(err, problem.ReasonCredentialsUnreadable)
	switch {
	case accepted(err):
		return Standing{}
	case s.Works() && !isRefusal(err) && !garbled(err):
		return s
	case now.Before(s.NextProbe) && (s.Refused || !unreadable):
		return s // it was under way when the last refusal came, or somebody asked: that says nothing new
	case isRefusal(err):
		if s.Refusals++; s.Refusals == 1 {
			s.Since = now
		}
		// That our own key does not open them is certain at once.
		s.Refused = s.Refused || unreadable || s.Refusals >= believed && now.Sub(s.Since) >= p.Suspicion
	case garbled(err):
		if s.Garbled++; s.Since.IsZero() {
			s.Since = now
		}
		if s.Refusals == 0 && s.Garbled < doubtful {
			return s
		}
	}
	s.NextProbe = now.Add(spread(p.wait(s, err)))
	return s
}

// wait is how long to wait before credentials that stand like this after err are tried again.
func (p RefusalPolicy) wait(s Standing, err error) time.Duration {
	switch {
	case problem.HasReason(err, problem.ReasonCredentialsUnreadable): // trying that asks no marketplace
		return p.ProbeMin
	case s.Refused:
		return doubled(p.ProbeMin, s.Refusals-believed, p.ProbeMax)
	case s.Refusals == 0 && !garbled(err): // the marketplace is down, and says so: that is no reason to keep the work for long
		return p.Suspicion / 5
	}
	switch max(s.Refusals, s.Garbled-doubtful+1) {
	case 1:
		return p.Suspicion / 5
	case 2:
		return p.Suspicion - p.Suspicion/5
	}
	if s.Refusals > 0 { // one more refusal may be believed
		return p.Suspicion
	}
	return p.ProbeMin
}

// longest is the longest wait that it makes.
func (p RefusalPolicy) longest() time.Duration {
	d := max(p.Suspicion, p.ProbeMin, p.ProbeMax)
	return d + d/spreadPart
}

// doubled is d, doubled times times, at most limit.
func doubled(d time.Duration, times int, limit time.Duration) time.Duration {
	for ; times > 0 && d < limit; times-- {
		d *= 2
	}
	return min(d, limit)
}

// spreadPart is the part of a wait by which it is made longer at most.
const spreadPart = 5

// spread makes a wait up to a fifth longer. Never shorter: three refusals are to be believed when the two waits are over.
func spread(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + rand.Float64()/spreadPart))
}

// isRefusal reports whether asking again with the same credentials most likely helps nobody.
func isRefusal(err error) bool {
	p := problem.As(err)
	return p != nil && refusalReason(p.Reason)
}

func refusalReason(reason string) bool {
	return reason == problem.ReasonCredentialsRejected || reason == problem.ReasonCredentialsUnreadable
}

// garbled reports whether nobody could read what the marketplace answered.
func garbled(err error) bool { return problem.HasReason(err, problem.ReasonMalformedAnswer) }

// accepted reports whether the marketplace took the credentials, whatever it said then.
func accepted(err error) bool {
	return err == nil || problem.HasReason(err, problem.ReasonSellerNotAuthorized) || problem.HasReason(err, problem.ReasonSellerInactive)
}

// note writes what an exchange says of the credentials that it was made with, and returns how they stand. It writes only when
// something changes.
func (s *Service) note(ctx context.Context, ref Ref, err error) (Standing, error) {
	b, readErr := s.repository.Bindings(ctx, ref.StoreID)
	if readErr != nil {
		return Standing{}, fmt.Errorf("read bindings of store %s: %w", ref.StoreID, readErr)
	}
	at := slices.IndexFunc(b.Adapters, func(x Binding) bool { return x.Adapter == ref.Adapter })
	if at < 0 {
		return Standing{}, nil
	}
	now := s.now().UTC()
	change := func(x Standing) Standing { return s.refusals.after(x, err, now) }
	if before := b.Adapters[at].Standing; change(before) == before {
		return before, nil
	}
	return s.stand(ctx, ref, change)
}

// stand changes how credentials stand, and tells whoever waits for that.
func (s *Service) stand(ctx context.Context, ref Ref, change func(Standing) Standing) (Standing, error) {
	var before Standing
	after, err := s.repository.ChangeStanding(ctx, ref, func(x Standing) Standing {
		before = x
		return change(x)
	})
	if err != nil {
		return Standing{}, fmt.Errorf("note how the credentials of store %s stand: %w", ref.StoreID, err)
	}
	if before == after {
		return after, nil
	}
	log := s.log.With("store", ref.StoreID, "adapter", ref.Adapter)
	switch {
	case before.Works() && after.Works(): // an answer more or less that nobody could read
		return after, nil
	case after.Works():
		log.InfoContext(ctx, "credentials work again")
	default:
		log.WarnContext(ctx, "credentials do not work, or may not", "refusals", after.Refusals, "believed", after.Refused,
			"garbled", after.Garbled, "next_probe", after.NextProbe)
	}
	s.standingChanged(after.Works())
	return after, nil
}
