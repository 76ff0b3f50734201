package cdiscount

import (
	"fmt"
	"testing"
	"time"
)

// TestTokenCacheForgets: mistyped credentials do not pile up, and accounts with a token or a caller stay. Nothing outside
// of the package can see this, hence the internal test.
func TestTokenCacheForgets(t *testing.T) {
	t.Parallel()
	var c tokenCache
	key := func(n int) [32]byte { return identity{sts: "s", login: "l", password: fmt.Sprint(n)}.key() }
	kept := c.entry(key(-1))
	kept.current = token{value: "t", obtained: time.Now()}
	busy := c.entry(key(-2))
	busy.turn <- struct{}{}
	for n := range 3 * sweepAbove {
		c.entry(key(n))
	}
	if n := len(c.entries); n > sweepAbove {
		t.Errorf("%d accounts are held, want at most %d", n, sweepAbove)
	}
	if c.entry(key(-1)) != kept || c.entry(key(-2)) != busy {
		t.Error("an account with a token or a caller was forgotten")
	}
}
