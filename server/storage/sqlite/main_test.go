package sqlite

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimDatabase); path != "" {
		victim(path)
		return
	}
	goleak.VerifyTestMain(m)
}
