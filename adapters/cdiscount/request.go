package cdiscount

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"unicode/utf8"
)

// Namespaces of the service, cdiscount-soap.md 3.
const (
	nsEnvelope = "http://schemas.xmlsoap.org/soap/envelope/"
	nsService  = "http://www.cdiscount.com"
	nsMessages = "http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages"
	nsArrays   = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
	nsInstance = "http://www.w3.org/2001/XMLSchema-instance"

	soapActionPrefix = "http://www.cdiscount.com/IMarketplaceAPIService/"
)

// operation is one SOAP operation, named as in the WSDL.
type operation string

// The operations that the adapter calls.
const (
	opSellerInformation   operation = "GetSellerInformation"
	opOrderList           operation = "GetOrderList"
	opValidateOrderList   operation = "ValidateOrderList"
	opGlobalConfiguration operation = "GetGlobalConfiguration"
	opProductList         operation = "GetProductListByIdentifier"
)

// The header that every client of this API sends (cdiscount-soap.md 3.1), before and after the token. Children are in
// schema order: a child that comes too late is skipped as if it were absent (3.2).
const (
	headerBeforeToken = `<headerMessage xmlns:a="` + nsMessages + `" xmlns:i="` + nsInstance + `">` +
		`<a:Context><a:CatalogID>1</a:CatalogID><a:CustomerPoolID>1</a:CustomerPoolID><a:SiteID>100</a:SiteID></a:Context>` +
		`<a:Localization><a:Country>Fr</a:Country><a:Currency>Eur</a:Currency>` +
		`<a:DecimalPosition>2</a:DecimalPosition><a:Language>Fr</a:Language></a:Localization>` +
		`<a:Security><a:DomainRightsList i:nil="true"/><a:IssuerID i:nil="true"/><a:SessionID i:nil="true"/>` +
		`<a:SubjectLocality i:nil="true"/>`
	headerAfterToken = `<a:UserName i:nil="true"/></a:Security><a:Version>1.0</a:Version></headerMessage>`
)

// requestWriter writes an envelope by hand, because the order of elements is part of the contract and must be seen in the
// code. It keeps the first error, so that callers check once.
type requestWriter struct {
	buf bytes.Buffer
	err error
}

// encodeRequest returns the envelope of an operation. parameter writes the operation's parameter; nil when it has none.
func encodeRequest(op operation, token string, parameter func(*requestWriter)) ([]byte, error) {
	w := &requestWriter{}
	w.buf.WriteString(`<s:Envelope xmlns:s="` + nsEnvelope + `"><s:Body><` + string(op) + ` xmlns="` + nsService + `">`)
	w.buf.WriteString(headerBeforeToken)
	w.text("a:TokenId", token)
	w.buf.WriteString(headerAfterToken)
	if parameter != nil {
		parameter(w)
	}
	w.buf.WriteString(`</` + string(op) + `></s:Body></s:Envelope>`)
	if w.err != nil {
		return nil, w.err
	}
	return w.buf.Bytes(), nil
}

// group writes an element with children.
func (w *requestWriter) group(name string, children func()) {
	w.buf.WriteString("<" + name + ">")
	children()
	w.buf.WriteString("</" + name + ">")
}

// strings writes a list of strings, whose children are in a namespace of their own.
func (w *requestWriter) strings(name string, values []string) {
	w.buf.WriteString("<" + name + ` xmlns:arr="` + nsArrays + `">`)
	for _, v := range values {
		w.text("arr:string", v)
	}
	w.buf.WriteString("</" + name + ">")
}

// text writes an element with text, escaped. Text that XML 1.0 cannot carry is an error: the marketplace would otherwise
// read another value than the one that was meant.
func (w *requestWriter) text(name, value string) {
	if i := illegalXML(value); i >= 0 {
		w.fail(&illegalTextError{element: name, offset: i})
		return
	}
	w.buf.WriteString("<" + name + ">")
	// EscapeText fails only when its writer does, and a buffer never does.
	_ = xml.EscapeText(&w.buf, []byte(value))
	w.buf.WriteString("</" + name + ">")
}

// optional writes an element with text, or nothing when there is none. An empty element is not the same as an absent one:
// it was seen to make the service fault (cdiscount-soap.md 8.2).
func (w *requestWriter) optional(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *requestWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// illegalTextError is text that XML 1.0 cannot carry. It does not quote the text, which may be personal.
type illegalTextError struct {
	element string
	offset  int
}

// Error tells where the character is.
func (e *illegalTextError) Error() string {
	return fmt.Sprintf("%s holds a character at byte %d that XML cannot carry", e.element, e.offset)
}

// illegalXML returns the offset of the first byte that no XML 1.0 document can hold, or -1.
func illegalXML(s string) int {
	for i, r := range s {
		switch {
		case r == utf8.RuneError:
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		case r == '\t' || r == '\n' || r == '\r':
		case r < 0x20 || r == 0xFFFE || r == 0xFFFF:
			return i
		}
	}
	return -1
}
