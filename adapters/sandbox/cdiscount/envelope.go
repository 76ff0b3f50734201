package cdiscount

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Namespaces of the contract (cdiscount-soap.md 3).
const (
	nsSOAP    = "http://schemas.xmlsoap.org/soap/envelope/"
	nsData    = "http://www.cdiscount.com"
	nsCore    = "http://schemas.datacontract.org/2004/07/Cdiscount.Framework.Core.Communication.Messages"
	nsProduct = "http://www.cdiscount.com/ProductByIdentifier"
	nsArrays  = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
	nsXSI     = "http://www.w3.org/2001/XMLSchema-instance"
)

// maxDepth bounds how deep a request may nest.
const maxDepth = 32

// element is one XML element of a request.
type element struct {
	name     xml.Name
	null     bool // i:nil="true"
	text     string
	children []*element
}

// parse reads a whole document into elements. It fails on anything that is not one well-formed element without a document
// type, as the real service's XML reader does.
func parse(r io.Reader) (*element, error) {
	dec := xml.NewDecoder(r)
	var root *element
	var open []*element
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			if root == nil || len(open) > 0 {
				return nil, io.ErrUnexpectedEOF
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			e := &element{name: t.Name, null: isNil(t.Attr)}
			switch {
			case len(open) == maxDepth:
				return nil, fmt.Errorf("nested deeper than %d", maxDepth)
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, e)
			case root != nil:
				return nil, errors.New("a second root element")
			default:
				root = e
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			} else if strings.TrimSpace(string(t)) != "" {
				return nil, errors.New("text outside of the document")
			}
		case xml.Directive:
			return nil, errors.New("document types are not allowed")
		}
	}
}

func isNil(attributes []xml.Attr) bool {
	for _, a := range attributes {
		if a.Name.Space == nsXSI && a.Name.Local == "nil" {
			v := strings.TrimSpace(a.Value)
			return v == "true" || v == "1"
		}
	}
	return false
}

// operationElement finds the one child of the SOAP body.
func operationElement(root *element) (*element, error) {
	if root.name != (xml.Name{Space: nsSOAP, Local: "Envelope"}) {
		return nil, errors.New("not a SOAP 1.1 envelope")
	}
	for _, c := range root.children {
		if c.name == (xml.Name{Space: nsSOAP, Local: "Body"}) {
			if len(c.children) != 1 {
				return nil, errors.New("the body must hold one element")
			}
			return c.children[0], nil
		}
	}
	return nil, errors.New("no body")
}

// members reads the children of e as .NET's DataContractSerializer does: they are expected in the order of names. A child
// that comes after its turn is skipped as if it were absent, and so is one that is not expected at all (cdiscount-soap.md
// 3.2, inferred). A null or absent element has no members.
func members(e *element, space string, names ...string) map[string]*element {
	if e == nil || e.null {
		return nil
	}
	found := make(map[string]*element, len(names))
	turn := 0
	for _, c := range e.children {
		if c.name.Space != space {
			continue
		}
		for i := turn; i < len(names); i++ {
			if names[i] == c.name.Local {
				found[names[i]] = c
				turn = i + 1
				break
			}
		}
	}
	return found
}

// items returns the children of a list that have the item's name; others are skipped.
func items(list *element, space, name string) []*element {
	if list == nil || list.null {
		return nil
	}
	var out []*element
	for _, c := range list.children {
		if c.name == (xml.Name{Space: space, Local: name}) {
			out = append(out, c)
		}
	}
	return out
}
