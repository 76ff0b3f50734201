package host

import "time"

// StepKind is a part of a swap.
type StepKind int

// The steps of a swap, in this order. Up to and including Publish a failure leaves the slot as it was.
const (
	Register StepKind = iota + 1 // copy the file and hash it; for a rollback, find the copy
	Launch                       // start a process beside the one that serves
	Probe                        // ask it what it is, and whether it offers what connected stores use
	Publish                      // save the choice and let new calls go to it
	Retire                       // let the calls of the one before finish, and end it
)

// String returns the step's name in lower case.
func (k StepKind) String() string {
	switch k {
	case Register:
		return "register"
	case Launch:
		return "launch"
	case Probe:
		return "probe"
	case Publish:
		return "publish"
	case Retire:
		return "retire"
	default:
		return "unknown"
	}
}

// stepKind is the step with a name; zero when there is none.
func stepKind(name string) StepKind {
	for k := Register; k <= Retire; k++ {
		if k.String() == name {
			return k
		}
	}
	return 0
}

// Step is one step of a swap, told twice: when it begins and when it is done. One that failed is told by the error of the swap.
type Step struct {
	Kind StepKind
	// Done is false when the step begins.
	Done bool
	// Took is how long the step took; with Done.
	Took time.Duration
	// SHA256 of the release that is swapped in, in hexadecimal; known from the end of Register on.
	SHA256 string
	// Version of the release, in its own words; known from the end of Probe on.
	Version string
	// Generation is the number of the new process; known from the end of Launch on. With Retire it is that of the process that
	// retires.
	Generation int64
	// Calls is how many calls the process that retires has to finish; with Retire, when it begins.
	Calls int
	// Limit is how long it may take to finish them; with Retire, when it begins.
	Limit time.Duration
	// Cut is how many calls were under way when the retired process was ended; with Retire and Done.
	Cut int
	// Killed is true when the retired process did not end by itself, although it was given the time or because it did not answer; with Retire
	// and Done.
	Killed bool
	// Unchanged is true with the last step of a swap to the release that serves already, which changes nothing.
	Unchanged bool
}

// Report is told the steps of a swap as they happen. It is called by one goroutine at a time and must not block for long: the swap
// waits for it.
type Report func(Step)
