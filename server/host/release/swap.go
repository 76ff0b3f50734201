package release

import "time"

// Swap is what is remembered of the last swap or rollback of an adapter, over restarts of the server.
type Swap struct {
	// Adapter is the name of the adapter.
	Adapter string `json:"-"`
	// StartTime is when it began, UTC.
	StartTime time.Time `json:"start_time"`
	// EndTime is when it ended, or when its release began to serve, UTC; zero while it is under way.
	EndTime time.Time `json:"end_time,omitzero"`
	// File of the plugin directory that was asked for, if one was.
	File string `json:"file,omitempty"`
	// Rollback is true for a rollback.
	Rollback bool `json:"rollback,omitempty"`
	// Watched is true when the server found the file by itself.
	Watched bool `json:"watched,omitempty"`
	// Step is how far it got; zero while it is under way.
	Step SwapStep `json:"step,omitzero"`
	// Failure is why the release was not served; zero when it was, and while it is under way.
	Failure Failure `json:"failure,omitzero"`
}

// SwapStep is the last step of a swap.
type SwapStep struct {
	// Kind of step, for example "probe".
	Kind string `json:"kind"`
	// Done is false of a step that failed, or that nobody waited for.
	Done bool `json:"done,omitempty"`
	// Took is how long it took, when it is done.
	Took time.Duration `json:"took_ns,omitempty"`
	// SHA256 of the release, in hexadecimal, as far as it was known.
	SHA256 string `json:"sha256,omitempty"`
	// Version of the release, as far as it was known.
	Version string `json:"version,omitempty"`
	// Generation is the number of the process that the step was about.
	Generation int64 `json:"generation,omitempty"`
	// Calls is how many calls the process that retired had to finish, when nobody waited for that.
	Calls int `json:"calls,omitempty"`
	// Limit is how long it might take for them.
	Limit time.Duration `json:"limit_ns,omitempty"`
	// Cut is how many of its calls were cut.
	Cut int `json:"cut,omitempty"`
	// Killed is true when it did not end by itself.
	Killed bool `json:"killed,omitempty"`
	// Unchanged is true when the release served already.
	Unchanged bool `json:"unchanged,omitempty"`
}

// Failure is why the release of a swap was not served.
type Failure struct {
	// Reason of the problem; empty when the caller gave the swap up.
	Reason string `json:"reason,omitempty"`
	// Message is the same in words.
	Message string `json:"message"`
	// Metadata of the problem.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// IsZero reports whether nothing failed.
func (f Failure) IsZero() bool { return f.Message == "" }
