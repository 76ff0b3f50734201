package xmlpull

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// declaration reads what begins with "<!": a comment, which is skipped, or a CDATA section, which is text.
func (d *Decoder) declaration(b []byte) (section bool, err error) {
	switch {
	case bytes.HasPrefix(b, []byte("<!--")):
		return false, d.comment(b)
	case bytes.HasPrefix(b, []byte("<![CDATA[")):
		return true, d.section(b)
	case cutShort(b, "<!--"), cutShort(b, "<![CDATA["):
		return false, errMore
	}
	return false, syntax("a document type declaration, which SOAP forbids")
}

// cutShort reports whether b is a true beginning of what it may become.
func cutShort(b []byte, whole string) bool {
	return len(b) < len(whole) && string(b) == whole[:len(b)]
}

// comment reads "<!--…-->".
func (d *Decoder) comment(b []byte) error {
	const opening = len("<!--")
	end := bytes.Index(b[opening:], []byte("--"))
	if end < 0 || opening+end+2 == len(b) {
		return errMore
	}
	if b[opening+end+2] != '>' {
		return syntax("a -- inside a comment")
	}
	if err := checkText(b[opening : opening+end]); err != nil {
		return err
	}
	d.pos += opening + end + 3
	return nil
}

// section reads "<![CDATA[…]]>".
func (d *Decoder) section(b []byte) error {
	const opening = len("<![CDATA[")
	if len(d.starts) == 0 {
		return syntax("text outside of the root")
	}
	end := bytes.Index(b[opening:], []byte("]]>"))
	if end < 0 {
		return errMore
	}
	content := b[opening : opening+end]
	if err := checkText(content); err != nil {
		return err
	}
	d.text = content
	if bytes.IndexByte(content, '\r') >= 0 {
		d.fixed = d.fixed[:0]
		for i, c := range content {
			switch {
			case c == '\r':
				d.fixed = append(d.fixed, '\n')
			case c == '\n' && i > 0 && content[i-1] == '\r':
			default:
				d.fixed = append(d.fixed, c)
			}
		}
		d.text = d.fixed
	}
	d.pos += opening + end + len("]]>")
	return nil
}

// instruction reads "<?target …?>". The XML declaration is one, at the very beginning of the document only.
func (d *Decoder) instruction(b []byte) error {
	const opening = len("<?")
	end := bytes.Index(b[opening:], []byte("?>"))
	if end < 0 {
		return errMore
	}
	content := b[opening : opening+end]
	if err := checkText(content); err != nil {
		return err
	}
	n := 0
	for n < len(content) && classes[content[n]]&nameByte != 0 {
		n++
	}
	target, rest := content[:n], content[n:]
	if n == 0 || classes[target[0]]&nameStart == 0 {
		return syntax("a processing instruction without a name")
	}
	if err := checkName(target); err != nil {
		return err
	}
	if bytes.EqualFold(target, []byte("xml")) {
		if string(target) != "xml" || d.base+int64(d.pos) != d.begin {
			return syntax("an XML declaration that is not where the document begins")
		}
		if err := checkXMLDeclaration(string(rest)); err != nil {
			return err
		}
	}
	d.pos += opening + end + len("?>")
	return nil
}

// checkXMLDeclaration checks version, encoding and standalone, in this order, of an XML declaration.
func checkXMLDeclaration(rest string) error {
	for _, p := range []struct {
		name     string
		required bool
		good     func(string) bool
	}{
		{"version", true, func(v string) bool { return v == "1.0" }},
		{"encoding", false, func(v string) bool { return strings.EqualFold(v, "utf-8") }},
		{"standalone", false, func(v string) bool { return v == "yes" || v == "no" }},
	} {
		trimmed := strings.TrimLeft(rest, " \t\r\n")
		after, is := strings.CutPrefix(trimmed, p.name)
		if !is || trimmed == rest {
			if p.required {
				return syntax("an XML declaration without a version")
			}
			continue
		}
		after = strings.TrimLeft(after, " \t\r\n")
		after, is = strings.CutPrefix(after, "=")
		after = strings.TrimLeft(after, " \t\r\n")
		if !is || after == "" || (after[0] != '"' && after[0] != '\'') {
			return syntax("an XML declaration that cannot be read")
		}
		value, next, closed := strings.Cut(after[1:], after[:1])
		if !closed || !p.good(value) {
			return syntax("an XML declaration of another version or encoding than 1.0 and UTF-8")
		}
		rest = next
	}
	if strings.Trim(rest, " \t\r\n") != "" {
		return syntax("an XML declaration that cannot be read")
	}
	return nil
}

// checkText checks the characters of what has no entities.
func checkText(b []byte) error {
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if !legal(rune(c)) {
				return syntax("a character that XML does not allow")
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if size == 1 {
			return syntax("bytes that are not UTF-8")
		}
		if !legal(r) {
			return syntax("a character that XML does not allow")
		}
		i += size
	}
	return nil
}

// checkQualifiedName checks the name of an element or an attribute: its characters, and that one colon at most divides it.
func checkQualifiedName(name []byte) error {
	if bytes.Count(name, []byte(":")) > 1 {
		return syntax("a name with more than one colon")
	}
	return checkName(name)
}

// checkName checks the characters of a name that lie outside of ASCII.
func checkName(name []byte) error {
	for i := 0; i < len(name); {
		if name[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(name[i:])
		if size == 1 || !nameRune(r, i == 0) {
			return syntax("a name with a character that XML does not allow there")
		}
		i += size
	}
	return nil
}

// nameRune reports whether a name may hold a character outside of ASCII (XML 1.0, fifth edition, productions 4 and 4a).
func nameRune(r rune, first bool) bool {
	switch {
	case r == 0xB7, r >= 0x300 && r <= 0x36F, r == 0x203F, r == 0x2040:
		return !first
	case r >= 0xC0 && r <= 0x2FF:
		return r != 0xD7 && r != 0xF7
	case r >= 0x370 && r <= 0x1FFF:
		return r != 0x37E
	case r == 0x200C, r == 0x200D, r >= 0x2070 && r <= 0x218F, r >= 0x2C00 && r <= 0x2FEF, r >= 0x3001 && r <= 0xD7FF,
		r >= 0xF900 && r <= 0xFDCF, r >= 0xFDF0 && r <= 0xFFFD, r >= 0x10000 && r <= 0xEFFFF:
		return true
	}
	return false
}
