package xmlpull

import (
	"bytes"
	"io"
)

// Classes of bytes.
const (
	plain     = 1 << iota // text that needs no look: ASCII but for <, &, ], CR and control characters
	nameByte              // part of a name; bytes of multi-byte characters are checked afterwards
	nameStart             // first byte of a name
	space
)

var classes = func() (c [256]uint8) {
	for b := range 256 {
		switch b := byte(b); {
		case b == '<', b == '&', b == ']':
		case b == '\t', b == '\n':
			c[b] = plain | space
		case b == '\r':
			c[b] = space
		case b == ' ':
			c[b] = plain | space
		case b >= 'A' && b <= 'Z', b >= 'a' && b <= 'z', b == '_', b == ':':
			c[b] = plain | nameByte | nameStart
		case b >= '0' && b <= '9', b == '-', b == '.':
			c[b] = plain | nameByte
		case b >= 0x80:
			c[b] = nameByte | nameStart
		case b > 0x20:
			c[b] = plain
		}
	}
	return c
}()

// scan reads one token that lies in the buffer as a whole; errMore when it does not. Nothing is consumed with an error, so
// that the same token can be scanned again.
func (d *Decoder) scan() (Kind, error) {
	if !d.begun {
		const mark = "\uFEFF"
		if d.end-d.pos < len(mark) && d.srcErr == nil {
			return EOF, errMore
		}
		d.begun = true
		if bytes.HasPrefix(d.buf[d.pos:d.end], []byte(mark)) {
			d.pos += len(mark)
			d.begin = int64(len(mark))
		}
	}
	for {
		b := d.buf[d.pos:d.end]
		if len(b) == 0 {
			if d.ended() && d.rooted && len(d.starts) == 0 {
				return EOF, io.EOF
			}
			return EOF, errMore
		}
		if b[0] != '<' {
			skip, err := d.characters(b)
			if err != nil {
				return EOF, err
			}
			if skip {
				continue
			}
			return Text, nil
		}
		if len(b) < 2 {
			return EOF, errMore
		}
		switch b[1] {
		case '/':
			return End, d.endTag(b)
		case '?':
			if err := d.instruction(b); err != nil {
				return EOF, err
			}
		case '!':
			section, err := d.declaration(b)
			if err != nil {
				return EOF, err
			}
			if section {
				return Text, nil
			}
		default:
			return Start, d.startTag(b)
		}
	}
}

// endTag reads "</name>".
func (d *Decoder) endTag(b []byte) error {
	name := d.open()
	if len(name) == 0 {
		return syntax("an end tag without a start tag")
	}
	n := 2 + len(name)
	if len(b) <= n {
		if !bytes.HasPrefix(name, b[2:]) {
			return syntax("an end tag that does not match its start tag")
		}
		return errMore
	}
	if !bytes.Equal(b[2:n], name) || classes[b[n]]&nameByte != 0 {
		return syntax("an end tag that does not match its start tag")
	}
	for n < len(b) && classes[b[n]]&space != 0 {
		n++
	}
	if n == len(b) {
		return errMore
	}
	if b[n] != '>' {
		return syntax("an end tag that is not closed")
	}
	d.pos += n + 1
	d.attrs = d.attrs[:0]
	d.pop()
	return nil
}

// startTag reads "<name attribute="value">" or an empty element.
func (d *Decoder) startTag(b []byte) error {
	if len(d.starts) == 0 && d.rooted {
		return syntax("an element after the end of the root")
	}
	if classes[b[1]]&nameStart == 0 {
		return syntax("a tag without a name")
	}
	n := 2
	for n < len(b) && classes[b[n]]&nameByte != 0 {
		n++
	}
	if n == len(b) {
		return errMore
	}
	name := b[1:n]
	d.attrs, d.values = d.attrs[:0], d.values[:0]
	empty := false
	if b[n] == '>' {
		n++
	} else {
		var err error
		if n, empty, err = d.tagRest(b, n); err != nil {
			return err
		}
	}
	if err := checkQualifiedName(name); err != nil {
		return err
	}
	if len(d.starts) == MaxDepth {
		return &LimitError{what: "elements nest too deep"}
	}
	d.starts = append(d.starts, len(d.names))
	d.names = append(d.names, name...)
	if len(d.attrs) > 0 {
		d.bind()
	}
	d.rooted, d.empty = true, empty
	d.pos += n
	return nil
}

// tagRest reads the attributes of a tag from n on and its end, and returns what follows.
func (d *Decoder) tagRest(b []byte, n int) (next int, empty bool, err error) {
	for {
		for n < len(b) && classes[b[n]]&space != 0 {
			n++
		}
		if n == len(b) {
			return 0, false, errMore
		}
		switch {
		case b[n] == '>':
			return n + 1, false, nil
		case b[n] == '/':
			if n+1 == len(b) {
				return 0, false, errMore
			}
			if b[n+1] != '>' {
				return 0, false, syntax("a tag that is not closed")
			}
			return n + 2, true, nil
		case classes[b[n]]&nameStart == 0:
			return 0, false, syntax("an attribute without a name")
		case len(d.attrs) == MaxAttrs:
			return 0, false, &LimitError{what: "a tag has too many attributes"}
		}
		if n, err = d.attribute(b, n); err != nil {
			return 0, false, err
		}
	}
}

// attribute reads one attribute from n on and returns what follows.
func (d *Decoder) attribute(b []byte, n int) (next int, err error) {
	from := n
	for n < len(b) && classes[b[n]]&nameByte != 0 {
		n++
	}
	name := b[from:n]
	for n < len(b) && classes[b[n]]&space != 0 {
		n++
	}
	if n == len(b) {
		return 0, errMore
	}
	if b[n] != '=' {
		return 0, syntax("an attribute without a value")
	}
	n++
	for n < len(b) && classes[b[n]]&space != 0 {
		n++
	}
	if n == len(b) {
		return 0, errMore
	}
	quote := b[n]
	if quote != '"' && quote != '\'' {
		return 0, syntax("an attribute's value without quotes")
	}
	n++
	if err := checkQualifiedName(name); err != nil {
		return 0, err
	}
	var a attr
	a.name[0] = len(d.values)
	d.values = append(d.values, name...)
	a.name[1] = len(d.values)
	a.value[0] = len(d.values)
	for {
		from = n
		for n < len(b) && classes[b[n]]&plain != 0 && b[n] != quote {
			n++
		}
		d.values = append(d.values, b[from:n]...)
		if len(d.values)-a.value[0] > MaxAttr {
			return 0, &LimitError{what: "an attribute's value is too long"}
		}
		if n == len(b) {
			return 0, errMore
		}
		switch b[n] {
		case quote:
			a.value[1] = len(d.values)
			d.attrs = append(d.attrs, a)
			return n + 1, nil
		case '<':
			return 0, syntax("a < inside an attribute's value")
		case ']':
			d.values = append(d.values, ']')
			n++
		default:
			var size int
			if d.values, size, err = special(d.values, b[n:]); err != nil {
				return 0, err
			}
			n += size
		}
	}
}

// bind keeps the namespaces that the tag of the element just opened declares.
func (d *Decoder) bind() {
	for _, a := range d.attrs {
		name, value := d.values[a.name[0]:a.name[1]], d.values[a.value[0]:a.value[1]]
		var prefix []byte
		switch {
		case string(name) == "xmlns":
		case bytes.HasPrefix(name, []byte("xmlns:")):
			prefix = name[len("xmlns:"):]
		default:
			continue
		}
		b := binding{depth: len(d.starts)}
		b.prefix[0] = len(d.uris)
		d.uris = append(d.uris, prefix...)
		b.prefix[1] = len(d.uris)
		b.uri[0] = len(d.uris)
		d.uris = append(d.uris, value...)
		b.uri[1] = len(d.uris)
		d.bindings = append(d.bindings, b)
	}
}
