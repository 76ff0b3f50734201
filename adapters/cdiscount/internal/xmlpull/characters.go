package xmlpull

import (
	"bytes"
	"unicode/utf8"
)

// characters reads text up to the next tag. skip is true for white space outside of the root, which is no token.
func (d *Decoder) characters(b []byte) (skip bool, err error) {
	if len(d.starts) == 0 {
		return true, d.outside(b)
	}
	n, copied, rewritten := 0, 0, false
	for {
		for n < len(b) && classes[b[n]]&plain != 0 {
			n++
		}
		if n == len(b) {
			return false, errMore // text inside an element cannot be the last token
		}
		switch b[n] {
		case '<':
			if rewritten {
				d.fixed = append(d.fixed, b[copied:n]...)
				d.text = d.fixed
			} else {
				d.text = b[:n]
			}
			d.pos += n
			return false, nil
		case ']':
			if bytes.HasPrefix(b[n:], []byte("]]>")) {
				return false, syntax("a ]]> outside of a CDATA section")
			}
			if n+2 >= len(b) {
				return false, errMore
			}
			n++
		case '&', '\r':
			if !rewritten {
				rewritten, d.fixed = true, d.fixed[:0]
			}
			d.fixed = append(d.fixed, b[copied:n]...)
			var size int
			if d.fixed, size, err = special(d.fixed, b[n:]); err != nil {
				return false, err
			}
			n += size
			copied = n
		default:
			size, err := character(b[n:])
			if err != nil {
				return false, err
			}
			n += size
		}
	}
}

// outside reads what lies before or behind the root: white space only.
func (d *Decoder) outside(b []byte) error {
	n := 0
	for n < len(b) && classes[b[n]]&space != 0 {
		n++
	}
	if n == 0 {
		return syntax("text outside of the root")
	}
	d.pos += n
	return nil
}

// special appends to out what stands for the first bytes of b, which are an entity, a line end, or a character that is not
// plain, and returns how many bytes that were.
func special(out, b []byte) (rest []byte, size int, err error) {
	switch b[0] {
	case '&':
		r, size, err := entity(b)
		if err != nil {
			return out, 0, err
		}
		return utf8.AppendRune(out, r), size, nil
	case '\r':
		if len(b) < 2 {
			return out, 0, errMore
		}
		if b[1] == '\n' {
			return append(out, '\n'), 2, nil
		}
		return append(out, '\n'), 1, nil
	}
	size, err = character(b)
	if err != nil {
		return out, 0, err
	}
	return append(out, b[:size]...), size, nil
}

// character checks a character that is not plain, and returns its size.
func character(b []byte) (size int, err error) {
	r, size := utf8.DecodeRune(b)
	if r == utf8.RuneError && size <= 1 {
		if !utf8.FullRune(b) {
			return 0, errMore
		}
		return 0, syntax("bytes that are not UTF-8")
	}
	if !legal(r) {
		return 0, syntax("a character that XML does not allow")
	}
	return size, nil
}

// legal reports whether XML 1.0 allows a character.
func legal(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || (r >= 0x20 && r <= 0xD7FF) || (r >= 0xE000 && r <= 0xFFFD) ||
		(r >= 0x10000 && r <= 0x10FFFF)
}

// longestEntity bounds how far the end of an entity is looked for; leading zeros are allowed, within reason.
const longestEntity = 64

// entity reads "&name;", "&#1;" or "&#x1;".
func entity(b []byte) (r rune, size int, err error) {
	end := bytes.IndexByte(b[:min(len(b), longestEntity)], ';')
	if end < 0 {
		if len(b) < longestEntity {
			// Whatever follows, an entity has only these bytes.
			for _, c := range b[1:] {
				if c != '#' && classes[c]&nameByte == 0 {
					return 0, 0, syntax("an entity that is not closed")
				}
			}
			return 0, 0, errMore
		}
		return 0, 0, syntax("an entity that is not closed")
	}
	size = end + 1
	switch name := b[1:end]; string(name) {
	case "lt":
		return '<', size, nil
	case "gt":
		return '>', size, nil
	case "amp":
		return '&', size, nil
	case "apos":
		return '\'', size, nil
	case "quot":
		return '"', size, nil
	default:
		if r, ok := number(name); ok {
			return r, size, nil
		}
	}
	return 0, 0, syntax("an entity that XML does not define")
}

// number reads "#1" or "#x1".
func number(name []byte) (r rune, ok bool) {
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := name[1:], rune(10)
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if len(digits) == 0 {
		return 0, false
	}
	for _, c := range digits {
		var v rune
		switch {
		case c >= '0' && c <= '9':
			v = rune(c - '0')
		case base == 16 && c >= 'a' && c <= 'f':
			v = rune(c-'a') + 10
		case base == 16 && c >= 'A' && c <= 'F':
			v = rune(c-'A') + 10
		default:
			return 0, false
		}
		if r = r*base + v; r > utf8.MaxRune {
			return 0, false
		}
	}
	return r, legal(r)
}
