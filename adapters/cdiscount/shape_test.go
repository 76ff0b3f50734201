package cdiscount_test

import (
	"encoding/xml"
	"reflect"
	"strings"
)

// shape is what an element of an answer may hold: text, items of one name, or parts of which each comes at most once. Elements
// that a shape does not name may hold anything.
type shape struct {
	text  bool
	item  string // name of the items; empty for no list
	parts map[string]*shape
	of    *shape // of an item
}

// answerShape is the shape of an answer of GetOrderList.
func answerShape() *shape {
	text := &shape{text: true}
	errors := &shape{item: "Error", of: &shape{parts: map[string]*shape{"ErrorType": text, "Message": text}}}
	orders := &shape{item: "Order", of: shapeOf(reflect.TypeFor[refOrder]())}
	result := &shape{parts: map[string]*shape{
		"ErrorMessage": text, "OperationSuccess": text, "SellerLogin": text, "ErrorList": errors, "OrderList": orders,
	}}
	response := &shape{parts: map[string]*shape{"GetOrderListResult": result}}
	return &shape{parts: map[string]*shape{"Body": {parts: map[string]*shape{"GetOrderListResponse": response}}}}
}

// shapeOf is the shape of what the reference decoder reads into a struct.
func shapeOf(t reflect.Type) *shape {
	s := &shape{parts: make(map[string]*shape)}
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("xml")
		if strings.HasSuffix(tag, ",attr") {
			continue
		}
		name, inner, nested := strings.Cut(tag, ">")
		if name == "" {
			name = f.Name
		}
		switch {
		case f.Type.Kind() == reflect.Slice:
			s.parts[name] = &shape{item: inner, of: shapeOf(f.Type.Elem())}
		case f.Type.Kind() == reflect.Struct:
			s.parts[name] = shapeOf(f.Type)
		case nested:
			s.parts[name] = &shape{parts: map[string]*shape{inner: {text: true}}}
		default:
			s.parts[name] = &shape{text: true}
		}
	}
	return s
}

// holds reports whether the element under way has the shape, and consumes it; what is not well-formed has none.
func (s *shape) holds(dec *xml.Decoder) bool {
	seen := make(map[string]bool)
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		switch token := token.(type) {
		case xml.EndElement:
			return true
		case xml.CharData:
			if !s.text && strings.Trim(string(token), " \t\r\n") != "" {
				return false
			}
		case xml.StartElement:
			name := token.Name.Local
			below := s.parts[name]
			switch {
			case s.text:
				return false
			case s.item != "" && name == s.item && !isNil(token):
				below = s.of
			case below != nil && seen[name]:
				return false
			}
			seen[name] = true
			if below == nil {
				if dec.Skip() != nil {
					return false
				}
			} else if !below.holds(dec) {
				return false
			}
		}
	}
}

// isNil reports whether an element says that it has no value.
func isNil(e xml.StartElement) bool {
	for _, a := range e.Attr {
		if a.Name.Space == nsInstance && a.Name.Local == "nil" && isTrue(a.Value) {
			return true
		}
	}
	return false
}

// shapely reports whether a document has the shape of an answer.
func shapely(doc string) bool {
	dec := xml.NewDecoder(strings.NewReader(doc))
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if _, ok := token.(xml.StartElement); ok {
			return answerShape().holds(dec)
		}
	}
}
