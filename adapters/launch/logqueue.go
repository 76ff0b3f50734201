package launch

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Limits of an adapter's output. What exceeds them is cut or dropped and counted, never waited for: an adapter that blocks on its
// log would stop answering calls.
const (
	maxLineBytes   = 32 << 10 // a stack trace fits; below the 64 KiB at which go-plugin's reader gives up
	maxQueuedBytes = 1 << 20
)

// stream tells where an adapter's line came from.
type stream string

const (
	streamStdout stream = "stdout"
	streamStderr stream = "stderr"
)

// logLine is one line of output.
type logLine struct {
	from stream
	text string
}

// logQueue stands between an adapter's output and the host's log. Putting lines in never blocks; one goroutine takes them out and
// writes them.
type logQueue struct {
	logger *slog.Logger
	wake   chan struct{} // holds one token when there is something to do
	done   chan struct{} // closed when the writing goroutine ended

	mu      sync.Mutex // guards the fields below
	lines   []logLine
	bytes   int
	dropped int
	closed  bool
	last    string // the most telling line of standard error so far
	panics  bool   // last is the first line of a crash and stays
}

// newLogQueue starts the writing goroutine; close ends it.
func newLogQueue(logger *slog.Logger) *logQueue {
	q := &logQueue{logger: logger, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go q.write()
	return q
}

// offer adds a line, or counts it as dropped.
func (q *logQueue) offer(from stream, line []byte) {
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	text := string(line)
	if from == streamStderr && !q.panics {
		q.last, q.panics = text, isCrash(text)
	}
	if q.closed || q.bytes+len(line) > maxQueuedBytes {
		q.dropped++
		return
	}
	q.lines = append(q.lines, logLine{from: from, text: text})
	q.bytes += len(line)
	q.signal()
}

// close lets the goroutine write what is queued, and waits for it.
func (q *logQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	<-q.done
}

func (q *logQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// write moves lines to the log until the queue is closed and empty.
func (q *logQueue) write() {
	defer close(q.done)
	crashed := false
	for range q.wake {
		q.mu.Lock()
		lines, dropped, closed := q.lines, q.dropped, q.closed
		q.lines, q.bytes, q.dropped = nil, 0, 0
		q.mu.Unlock()
		for _, line := range lines {
			crashed = crashed || (line.from == streamStderr && isCrash(line.text))
			logOutput(q.logger, line, crashed, time.Now)
		}
		if dropped > 0 {
			q.logger.Warn("adapter log lines dropped", slog.Int("lines", dropped))
		}
		if closed {
			return
		}
	}
}

// lastWords returns what the process said last on standard error: the head of a crash, or the last line.
func (q *logQueue) lastWords() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	if entry, ok := parseEntry(q.last); ok {
		return entry.message
	}
	return q.last
}

// pump moves lines from a pipe into the queue until its end.
func (q *logQueue) pump(r io.Reader, from stream) {
	eachLine(r, func(line []byte) { q.offer(from, line) })
}

// writer returns a writer that queues complete lines. It is not safe for concurrent use.
func (q *logQueue) writer(from stream) io.Writer { return &lineWriter{queue: q, from: from} }

// lineWriter cuts what is written into lines.
type lineWriter struct {
	queue *logQueue
	from  stream
	rest  []byte
}

// Write never fails.
func (w *lineWriter) Write(data []byte) (int, error) {
	w.rest = append(w.rest, data...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			break
		}
		w.queue.offer(w.from, clip(w.rest[:end]))
		w.rest = w.rest[end+1:]
	}
	if len(w.rest) > maxLineBytes {
		w.queue.offer(w.from, clip(w.rest))
		w.rest = nil
	}
	return len(data), nil
}

// eachLine calls f with every line until reading fails. A line that is too long is cut.
func eachLine(r io.Reader, f func(line []byte)) {
	reader := bufio.NewReaderSize(r, maxLineBytes)
	for {
		line, more, err := reader.ReadLine()
		if err != nil {
			return
		}
		f(line)
		for more && err == nil {
			_, more, err = reader.ReadLine()
		}
	}
}

func clip(line []byte) []byte { return line[:min(len(line), maxLineBytes)] }

// isCrash reports whether a line begins the Go runtime's report of a crash.
func isCrash(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "runtime: ")
}

// logOutput writes one line: what package serve logged, as it was logged, and anything else as the output that it is.
func logOutput(logger *slog.Logger, line logLine, crashed bool, now func() time.Time) {
	if entry, ok := parseEntry(line.text); ok && line.from == streamStderr {
		if !logger.Enabled(context.Background(), entry.level) {
			return
		}
		if entry.time.IsZero() {
			entry.time = now()
		}
		record := slog.NewRecord(entry.time, entry.level, entry.message, 0)
		record.AddAttrs(entry.attrs...)
		_ = logger.Handler().Handle(context.Background(), record)
		return
	}
	level := slog.LevelInfo
	if crashed && line.from == streamStderr {
		level = slog.LevelError
	}
	logger.Log(context.Background(), level, "adapter output", slog.String("stream", string(line.from)), slog.String("line", line.text))
}
