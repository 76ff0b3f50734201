package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/relaishq/relais/server/problem"
)

// Page sizes (AIP-158).
const (
	defaultPageSize = 50
	maxPageSize     = 500
	// maxPageBytes ends a page early: what a gRPC client takes unless it is told otherwise is 4 MiB.
	maxPageBytes = 3 << 20
)

// pageSize applies the default and the cap.
func pageSize(asked int32) (int, error) {
	switch {
	case asked < 0:
		return 0, problem.InvalidField("page_size", "is %d; it must not be negative", asked)
	case asked == 0:
		return defaultPageSize, nil
	}
	return min(int(asked), maxPageSize), nil
}

// pageToken is an opaque token: a keyset position, bound to the filters that it was made under.
type pageToken[P any] struct {
	Position P      `json:"p"`
	Filters  []byte `json:"f"`
}

// encodeToken makes the token of the page after position.
func encodeToken[P any](position P, filters ...any) (string, error) {
	b, err := json.Marshal(pageToken[P]{Position: position, Filters: filterDigest(filters)})
	if err != nil {
		return "", fmt.Errorf("encode page token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// decodeToken reads a token; empty means the first page and gives nil.
func decodeToken[P any](token string, filters ...any) (*P, error) {
	if token == "" {
		return nil, nil
	}
	var t pageToken[json.RawMessage]
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil || len(t.Filters) == 0 {
		return nil, problem.InvalidField("page_token", "is not a token that this server gave")
	}
	if string(t.Filters) != string(filterDigest(filters)) { // said before the position is read: that of another list looks otherwise
		return nil, problem.InvalidField("page_token", "belongs to another list, or to one with other filters; start again without a token")
	}
	var position P
	if err := json.Unmarshal(t.Position, &position); err != nil {
		return nil, problem.InvalidField("page_token", "is not a token that this server gave")
	}
	return &position, nil
}

func filterDigest(filters []any) []byte {
	b, err := json.Marshal(filters)
	if err != nil {
		panic("api: filters are plain data and always encode: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return sum[:8]
}

// cut returns the first size items and whether there are more: lists read one item more than they show.
func cut[T any](items []T, size int) ([]T, bool) {
	if len(items) > size {
		return items[:size], true
	}
	return items, false
}
