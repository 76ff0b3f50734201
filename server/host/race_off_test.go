//go:build !race

package host_test

// raceDetector says that these tests run under it.
const raceDetector = false
