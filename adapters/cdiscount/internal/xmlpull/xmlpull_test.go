package xmlpull_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/relaishq/relais/adapters/cdiscount/internal/xmlpull"
	"github.com/relaishq/relais/adapters/cdiscount/internal/xmlpull/xmlpulltest"
)

// walk writes a document down, one line for each event: "<{namespace}name", "@{namespace}name=value" in the order of names,
// "=text" for all text between two tags, ">".
func walk(d *xmlpull.Decoder, attrs ...[2]string) ([]string, error) {
	var events []string
	for {
		kind, err := d.Next()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		switch kind {
		case xmlpull.Start:
			events = append(events, fmt.Sprintf("<{%s}%s", d.Space(), d.Name()))
			for _, a := range attrs {
				if v, ok := d.Attr(a[0], a[1]); ok {
					events = append(events, fmt.Sprintf("@{%s}%s=%s", a[0], a[1], v))
				}
			}
		case xmlpull.End:
			events = append(events, ">")
		case xmlpull.Text:
			events = addText(events, string(d.Text()))
		}
	}
}

// addText appends text to the last event when that is text.
func addText(events []string, text string) []string {
	if text == "" {
		return events
	}
	if n := len(events); n > 0 && events[n-1][0] == '=' {
		events[n-1] += text
		return events
	}
	return append(events, "="+text)
}

const nsInstance = "http://www.w3.org/2001/XMLSchema-instance"

// TestWalk is the table of what is read from whole documents.
func TestWalk(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, doc string
		want      string // events, joined by "|"
	}{
		{"empty element", "<a/>", "<{}a|>"},
		{"spaces in tags", "<a  ><b\n/></a\t>", "<{}a|<{}b|>|>"},
		{"text", "<a>x y</a>", "<{}a|=x y|>"},
		{"entities", "<a>&lt;&gt;&amp;&apos;&quot;&#233;&#x1F600;&#xe9;</a>", "<{}a|=<>&'\"é😀é|>"},
		{"CDATA", "<a>1<![CDATA[<b>&amp;]]]]><![CDATA[>]]>2</a>", "<{}a|=1<b>&amp;]]>2|>"},
		{"line ends", "<a>1\r\n2\r3\n<![CDATA[4\r\n5\r6]]>&#13;\n</a>", "<{}a|=1\n2\n3\n4\n5\n6\r\n|>"},
		{"brackets that end nothing", "<a>]] ]> ]</a>", "<{}a|=]] ]> ]|>"},
		{"emoji and accents", "<a>Zoé 👩‍🚀</a>", "<{}a|=Zoé 👩‍🚀|>"},
		{"comments and instructions", "<?xml version=\"1.0\" encoding='UTF-8'?><!-- a - b --><a><?p x?>1<!--&<-->2</a>\n<!---->", "<{}a|=12|>"},
		{"colons in the name of an instruction", "<a><?b:c:d?></a>", "<{}a|>"},
		{"byte order mark", "\uFEFF<?xml version='1.0'?>\r\n<a/>", "<{}a|>"},
		{"default namespace", `<a xmlns="u"><b/><c xmlns=""><d/></c><e/></a>`, "<{u}a|<{u}b|>|<{}c|<{}d|>|>|<{u}e|>|>"},
		{"prefixes", `<p:a xmlns:p="u"><p:b xmlns:p="v"/><p:c/><q:d/></p:a>`, "<{u}a|<{v}b|>|<{u}c|>|<{}d|>|>"},
		{"prefix declared behind its use", `<p:a p:nil="1" xmlns:p="` + nsInstance + `"/>`, "<{" + nsInstance + "}a|@{" + nsInstance + "}nil=1|>"},
		{"nil by any prefix", `<a xmlns:z="` + nsInstance + `"><b z:nil='true'/></a>`, "<{}a|<{}b|@{" + nsInstance + "}nil=true|>|>"},
		{"nil of another namespace", `<a xmlns:i="u" xmlns="` + nsInstance + `"><b i:nil="true"/></a>`, "<{" + nsInstance + "}a|<{" + nsInstance + "}b|>|>"},
		{"attribute without a prefix has no namespace", `<a xmlns="` + nsInstance + `" nil="true"/>`, "<{" + nsInstance + "}a|@{}nil=true|>"},
		{"attribute values", `<a nil="&lt;]]>&#65;'` + "\r\n" + `é"/>`, "<{}a|@{}nil=<]]>A'\né|>"},
		{"names of all kinds", "<_a-1.b><é/><:x/><y:/></_a-1.b>", "<{}_a-1.b|<{}é|>|<{}:x|>|<{}y:|>|>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for name, src := range map[string]io.Reader{
				"whole": strings.NewReader(tc.doc), "byte by byte": iotest.OneByteReader(strings.NewReader(tc.doc)),
				"with its end": iotest.DataErrReader(strings.NewReader(tc.doc)),
			} {
				got, err := walk(xmlpull.NewDecoder(src), [2]string{nsInstance, "nil"}, [2]string{"", "nil"})
				if err != nil || strings.Join(got, "|") != tc.want {
					t.Errorf("%s: %v, error %v; want %s", name, strings.Join(got, "|"), err, tc.want)
				}
			}
		})
	}
}

// TestReject is the table of documents that must never read as complete.
func TestReject(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("<a>", xmlpull.MaxDepth+1)
	for _, tc := range []struct {
		name, doc string
		want      string // "early", "syntax" or "limit"
	}{
		{"nothing", "", "early"},
		{"white space", " \n", "early"},
		{"comment only", "<!-- x -->", "early"},
		{"open root", "<a>", "early"},
		{"open text", "<a>text", "early"},
		{"open tag", "<a", "early"},
		{"open attribute", "<a b='", "early"},
		{"open end tag", "<a></a", "early"},
		{"open comment", "<a><!-- ", "early"},
		{"open comment behind the root", "<a/><!-- -", "early"},
		{"open CDATA", "<a><![CDATA[x]]", "early"},
		{"open instruction", "<a><?p ", "early"},
		{"open entity", "<a>&am", "early"},
		{"cut character", "<a>\xc3", "early"},
		{"other end tag", "<a></b>", "syntax"},
		{"end tag of the outer element", "<a><b></a></b>", "syntax"},
		{"longer end tag", "<a></ab>", "syntax"},
		{"shorter end tag", "<ab></a>", "syntax"},
		{"other prefix at the end", "<p:a xmlns:p='u' xmlns:q='u'></q:a>", "syntax"},
		{"end tag without a start", "</a>", "syntax"},
		{"end tag with an attribute", "<a></a b='c'>", "syntax"},
		{"second root", "<a/><b/>", "syntax"},
		{"text before the root", "x<a/>", "syntax"},
		{"text behind the root", "<a/>x", "syntax"},
		{"CDATA behind the root", "<a/><![CDATA[x]]>", "syntax"},
		{"DOCTYPE", "<!DOCTYPE a><a/>", "syntax"},
		{"DOCTYPE inside", "<a><!DOCTYPE a></a>", "syntax"},
		{"ENTITY", "<a><!ENTITY b 'c'></a>", "syntax"},
		{"unknown entity", "<a>&eacute;</a>", "syntax"},
		{"bare ampersand", "<a>A & B</a>", "syntax"},
		{"entity of a control character", "<a>&#0;</a>", "syntax"},
		{"entity of a surrogate", "<a>&#xD800;</a>", "syntax"},
		{"entity beyond Unicode", "<a>&#x110000;</a>", "syntax"},
		{"entity without digits", "<a>&#x;</a>", "syntax"},
		{"endless entity", "<a>&#" + strings.Repeat("0", 100) + "65;</a>", "syntax"},
		{"control character", "<a>\x01</a>", "syntax"},
		{"control character in CDATA", "<a><![CDATA[\x01]]></a>", "syntax"},
		{"control character in a comment", "<a><!--\x01--></a>", "syntax"},
		{"control character in an attribute", "<a b='\x01'/>", "syntax"},
		{"not a character", "<a>\uFFFE</a>", "syntax"},
		{"Latin 1", "<a>\xe9t\xe9</a>", "syntax"},
		{"Latin 1 in CDATA", "<a><![CDATA[\xe9t\xe9]]></a>", "syntax"},
		{"surrogate in UTF-8", "<a>\xed\xa0\x80</a>", "syntax"},
		{"declared as Latin 1", "<?xml version='1.0' encoding='iso-8859-1'?><a/>", "syntax"},
		{"version 1.1", "<?xml version='1.1'?><a/>", "syntax"},
		{"declaration without a version", "<?xml encoding='utf-8'?><a/>", "syntax"},
		{"late declaration", " <?xml version='1.0'?><a/>", "syntax"},
		{"CDATA end in text", "<a>x]]>y</a>", "syntax"},
		{"two dashes in a comment", "<a><!-- -- --></a>", "syntax"},
		{"less-than in an attribute", "<a b='<'/>", "syntax"},
		{"attribute without quotes", "<a b=c/>", "syntax"},
		{"attribute without a value", "<a b/>", "syntax"},
		{"tag without a name", "< a/>", "syntax"},
		{"name that begins with a digit", "<1/>", "syntax"},
		{"two colons", "<a:b:c/>", "syntax"},
		{"two colons in an attribute's name", "<a b:c:d=''/>", "syntax"},
		{"sign in a name", "<a×b/>", "syntax"},
		{"slash inside a tag", "<a / >", "syntax"},
		{"instruction without a name", "<a><? ?></a>", "syntax"},
		{"too deep", deep, "limit"},
		{"text without end", "<a>" + strings.Repeat("x", 3*xmlpull.MaxToken), "limit"},
		{"long attribute", "<a b='" + strings.Repeat("x", xmlpull.MaxAttr+1) + "'/>", "limit"},
		{"many attributes", "<a" + strings.Repeat(" b=''", xmlpull.MaxAttrs+1) + "/>", "limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := xmlpull.NewDecoder(strings.NewReader(tc.doc))
			_, err := walk(d)
			var syntax *xmlpull.SyntaxError
			var limit *xmlpull.LimitError
			got := "none"
			switch {
			case errors.Is(err, io.ErrUnexpectedEOF):
				got = "early"
			case errors.As(err, &syntax):
				got = "syntax"
			case errors.As(err, &limit):
				got = "limit"
			}
			if got != tc.want {
				t.Errorf("error %v (%s), want %s", err, got, tc.want)
			}
			if _, again := d.Next(); !errors.Is(again, err) {
				t.Errorf("the error did not stay: %v, then %v", err, again)
			}
		})
	}
}

// TestTruncated cuts a document at every byte: none of the pieces is complete.
func TestTruncated(t *testing.T) {
	t.Parallel()
	const doc = `<?xml version="1.0"?><s:a xmlns:s="u"><b i="é">x &amp; y</b><!-- c --><c><![CDATA[<]]></c><d/></s:a>`
	for n := range len(doc) {
		if _, err := walk(xmlpull.NewDecoder(strings.NewReader(doc[:n]))); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: error %v", n, err)
		}
	}
}

// TestSourceFails: the source's error comes through, behind everything that was read before it.
func TestSourceFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	events, err := walk(xmlpull.NewDecoder(io.MultiReader(strings.NewReader("<a><b/>x"), iotest.ErrReader(broken))))
	if !errors.Is(err, broken) || strings.Join(events, "|") != "<{}a|<{}b|>" {
		t.Errorf("%v, error %v", events, err)
	}
	// A failure right behind the root: whether something would have followed is not known.
	if _, err := walk(xmlpull.NewDecoder(io.MultiReader(strings.NewReader("<a/>"), iotest.ErrReader(broken)))); !errors.Is(err, broken) {
		t.Errorf("behind the root: error %v", err)
	}
}

// TestSkipAndReset: a skipped element leaves the decoder behind its end, and a decoder reads one document after another.
func TestSkipAndReset(t *testing.T) {
	t.Parallel()
	d := xmlpull.NewDecoder(strings.NewReader("<broken"))
	_, _ = walk(d)
	for range 2 {
		d.Reset(strings.NewReader(`<a xmlns="u"><b xmlns="v"><c/>x<c><c/></c></b><d/></a>`))
		for range 2 {
			if _, err := d.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Skip(); err != nil || d.Depth() != 1 {
			t.Fatalf("error %v at depth %d", err, d.Depth())
		}
		rest, err := walk(d)
		if want := []string{"<{u}d", ">", ">"}; err != nil || !slices.Equal(rest, want) {
			t.Errorf("%v, error %v; want %v", rest, err, want)
		}
	}
}

// reference walks a document with encoding/xml, with the checks of a whole document that it leaves to its caller.
func reference(doc string) ([]string, error) {
	doc = strings.TrimPrefix(doc, "\uFEFF")
	dec := xml.NewDecoder(strings.NewReader(doc))
	var events []string
	depth, rooted := 0, false
	for {
		raw := doc[dec.InputOffset():]
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if !rooted {
				return nil, io.ErrUnexpectedEOF
			}
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 && rooted {
				return nil, errors.New("second root")
			}
			depth, rooted = depth+1, true
			events = append(events, "<"+token.Name.Local)
		case xml.EndElement:
			depth--
			events = append(events, ">")
		case xml.CharData:
			if depth == 0 {
				if strings.Trim(string(token), " \t\r\n") != "" || strings.HasPrefix(raw, "<![CDATA[") {
					return nil, errors.New("text outside of the root")
				}
				continue
			}
			events = addText(events, string(token))
		}
	}
}

var namespaces = regexp.MustCompile(`^<\{[^}]*\}`)

// FuzzAgainstEncodingXML: what is read is what encoding/xml reads; and what that reads is read here too, but for what is
// refused on purpose.
func FuzzAgainstEncodingXML(f *testing.F) {
	for _, doc := range []string{
		`<a/>`, `<a xmlns="u" b='c'><p:b xmlns:p="v">x &amp; &#233; y</p:b><!-- c --><c><![CDATA[<]]></c><d i:nil="true"/></a>`,
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<a>1\r\n2</a>\n", `<a><b></a></b>`, `<a>`, `<a/><b/>`, "<a>\xff</a>", `<a>]]></a>`,
		`<!DOCTYPE html><html></html>`, `<a b="1"c="2"/>`, "\uFEFF<a/>", `<a><![CDATA[x]]>]]&gt;</a >`, `<a>&#xD800;</a>`, `<a:b/>`, `<:/>`,
		`<a><?b:c:d?></a>`, `<a b:c:d=''/>`,
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := walk(xmlpull.NewDecoder(strings.NewReader(doc)))
		if slow, slowErr := walk(xmlpull.NewDecoder(iotest.OneByteReader(strings.NewReader(doc)))); (slowErr == nil) != (err == nil) || (err == nil && !slices.Equal(got, slow)) {
			t.Fatalf("at once: %v, error %v; byte by byte: %v, error %v", got, err, slow, slowErr)
		}
		want, wantErr := reference(doc)
		for i, e := range got {
			// encoding/xml gives an undeclared prefix as the namespace; the names are compared here, the rest in TestWalk.
			got[i] = namespaces.ReplaceAllString(e, "<")
		}
		switch {
		case err == nil && wantErr != nil:
			if !xmlpulltest.MayDiffer(doc) {
				t.Fatalf("read as %v, encoding/xml says %v", got, wantErr)
			}
		case err == nil:
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("(-encoding/xml +xmlpull):\n%s", diff)
			}
		case wantErr == nil:
			var limit *xmlpull.LimitError
			if !errors.As(err, &limit) && !xmlpulltest.MayRefuse(doc) {
				t.Fatalf("error %v, encoding/xml reads %v", err, want)
			}
		}
	})
}
