package xmlpull

import (
	"bytes"
	"errors"
	"io"
)

// Kind is what Next found.
type Kind uint8

// The kinds of tokens. Comments, processing instructions and white space outside of the root are skipped.
const (
	// EOF is no token: the document has ended, or cannot be read.
	EOF Kind = iota
	// Start is a start tag, or the first half of an empty element. Name, Space and Attr speak of it.
	Start
	// End is an end tag, or the second half of an empty element.
	End
	// Text is character data or a CDATA section, with entities resolved. One text may come in several tokens.
	Text
)

// Limits of a document.
const (
	// MaxDepth is how deep elements may nest.
	MaxDepth = 128
	// MaxToken is how many bytes one token may have: a tag with its attributes, a text, a comment.
	MaxToken = 1 << 20
	// MaxAttr is how many bytes one attribute's value may have.
	MaxAttr = 64 << 10
	// MaxAttrs is how many attributes one tag may have.
	MaxAttrs = 256
)

// firstBuffer is the size of the buffer until a larger token comes.
const firstBuffer = 64 << 10

// Decoder reads one document after another, each begun with Reset. It is not safe for concurrent use.
type Decoder struct {
	src    io.Reader
	srcErr error // what src ended with; nil while it has not
	err    error // what every further Next returns

	// buf[pos:end] has been read from src and not yet been consumed.
	buf      []byte
	pos, end int
	base     int64 // how many bytes lay before buf[0]
	begin    int64 // where the document begins: behind a byte order mark
	begun    bool  // the byte order mark was looked for

	// The open elements: their qualified names one after the other, and where each begins.
	names  []byte
	starts []int
	rooted bool // the root was seen
	empty  bool // an empty element's start was returned, its end not yet

	text  []byte // of the last Text
	fixed []byte // holds text whose entities or line ends had to be rewritten

	attrs    []attr // of the last Start
	values   []byte // their values, one after the other
	bindings []binding
	uris     []byte // of bindings, one after the other
}

// attr is an attribute: its qualified name and its value, both inside Decoder.values.
type attr struct {
	name, value [2]int
}

// binding is a declared prefix, in force in the element of that depth and inside it.
type binding struct {
	prefix, uri [2]int // inside Decoder.uris
	depth       int
}

// NewDecoder returns a decoder of the document that src gives.
func NewDecoder(src io.Reader) *Decoder {
	d := &Decoder{buf: make([]byte, firstBuffer)}
	d.Reset(src)
	return d
}

// Reset begins a new document. Everything that was returned before becomes invalid.
func (d *Decoder) Reset(src io.Reader) {
	if len(d.buf) > 4*firstBuffer {
		d.buf = make([]byte, firstBuffer) // one large token must not hold memory for ever
	}
	*d = Decoder{
		src: src, buf: d.buf, names: d.names[:0], starts: d.starts[:0], fixed: d.fixed[:0], attrs: d.attrs[:0],
		values: d.values[:0], bindings: d.bindings[:0], uris: d.uris[:0],
	}
}

// Depth returns how many elements are open. The element of a Start counts, that of an End does not any more.
func (d *Decoder) Depth() int { return len(d.starts) }

// Name returns the local name of the innermost open element. It is valid until the next call of Next.
func (d *Decoder) Name() []byte {
	name := d.open()
	_, local := split(name)
	return local
}

// Space returns the namespace of the innermost open element, empty when it has none or its prefix was not declared.
func (d *Decoder) Space() []byte {
	prefix, _ := split(d.open())
	return d.lookup(prefix)
}

// Attr returns the value of an attribute of the last Start. An attribute without a prefix is in no namespace, for which
// space is empty. It is valid until the next call of Next.
func (d *Decoder) Attr(space, local string) (value []byte, ok bool) {
	for _, a := range d.attrs {
		prefix, name := split(d.values[a.name[0]:a.name[1]])
		if string(name) != local {
			continue
		}
		if len(prefix) == 0 {
			if space == "" {
				return d.values[a.value[0]:a.value[1]], true
			}
			continue
		}
		if string(d.lookup(prefix)) == space {
			return d.values[a.value[0]:a.value[1]], true
		}
	}
	return nil, false
}

// HasAttrs reports whether the last Start had attributes: most have none, which makes looking for one cheap.
func (d *Decoder) HasAttrs() bool { return len(d.attrs) > 0 }

// Text returns the characters of the last Text. It is valid until the next call of Next.
func (d *Decoder) Text() []byte { return d.text }

// open returns the qualified name of the innermost open element.
func (d *Decoder) open() []byte {
	if len(d.starts) == 0 {
		return nil
	}
	return d.names[d.starts[len(d.starts)-1]:]
}

// lookup returns the namespace that a prefix stands for; the empty prefix is the default namespace.
func (d *Decoder) lookup(prefix []byte) []byte {
	for i := len(d.bindings) - 1; i >= 0; i-- {
		b := d.bindings[i]
		if bytes.Equal(d.uris[b.prefix[0]:b.prefix[1]], prefix) {
			return d.uris[b.uri[0]:b.uri[1]]
		}
	}
	return nil
}

// split cuts a qualified name. A name that begins or ends with its colon is all local.
func split(name []byte) (prefix, local []byte) {
	i := bytes.IndexByte(name, ':')
	if i <= 0 || i == len(name)-1 {
		return nil, name
	}
	return name[:i], name[i+1:]
}

// Next returns the kind of the next token. The error is io.EOF after a complete document, whose root was closed and which
// nothing follows, and only then; io.ErrUnexpectedEOF when the document ends early, *SyntaxError when it is not well-formed,
// *LimitError when it is too large, and the source's own error when that fails. After an error it returns the same again.
func (d *Decoder) Next() (Kind, error) {
	if d.err != nil {
		return EOF, d.err
	}
	if d.empty {
		d.empty = false
		d.attrs = d.attrs[:0]
		d.pop()
		return End, nil
	}
	for {
		kind, err := d.scan()
		if err == nil {
			return kind, nil
		}
		if errors.Is(err, errMore) {
			if err = d.fill(); err == nil {
				continue
			}
		}
		d.err = err
		return EOF, err
	}
}

// Skip reads to the end of the innermost open element.
func (d *Decoder) Skip() error {
	depth := len(d.starts) - 1
	for {
		kind, err := d.Next()
		if err != nil {
			return err
		}
		if kind == End && len(d.starts) == depth {
			return nil
		}
	}
}

// fill reads more of the source, at least half as much again as is there: a token is scanned from its beginning whenever
// more of it came, and that must not be too often.
func (d *Decoder) fill() error {
	pending := d.end - d.pos
	if d.srcErr != nil {
		if d.ended() {
			return io.ErrUnexpectedEOF
		}
		return d.srcErr
	}
	if pending > MaxToken {
		return &LimitError{what: "a token is too long"}
	}
	copy(d.buf, d.buf[d.pos:d.end])
	d.base += int64(d.pos)
	d.pos, d.end = 0, pending
	if pending > len(d.buf)/2 {
		d.buf = append(d.buf, make([]byte, len(d.buf))...)
	}
	// What came before the end or a failure is scanned first; the next call tells the failure.
	for wanted, idle := pending+pending/2+1, 0; d.end < wanted && d.srcErr == nil; {
		var n int
		n, d.srcErr = d.src.Read(d.buf[d.end:])
		d.end += n
		if n > 0 || d.srcErr != nil {
			idle = 0
		} else if idle++; idle == 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

// ended reports whether the source has ended without a failure. Sources say so with io.EOF itself: an error that wraps it is
// a failure.
func (d *Decoder) ended() bool {
	return d.srcErr == io.EOF //nolint:errorlint // see above
}

// pop closes the innermost element.
func (d *Decoder) pop() {
	last := len(d.starts) - 1
	d.names = d.names[:d.starts[last]]
	d.starts = d.starts[:last]
	for n := len(d.bindings); n > 0 && d.bindings[n-1].depth > last; n-- {
		d.uris = d.uris[:d.bindings[n-1].prefix[0]]
		d.bindings = d.bindings[:n-1]
	}
}
