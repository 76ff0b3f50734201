package octopia

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// maxMembers bounds the members of one object.
const maxMembers = 1000

// nameSet holds the names of an object's members, folded as encoding/json folds them.
type nameSet map[string]struct{}

// add reports whether the name is new.
func (s nameSet) add(name string) bool {
	// Both ways: "ſ" and "s" have one capital letter, "K" for kelvin and "k" one small one.
	folded := strings.ToLower(strings.ToUpper(name))
	if _, ok := s[folded]; ok {
		return false
	}
	s[folded] = struct{}{}
	return true
}

// checkShape refuses a well-formed JSON value that is not UTF-8, is nested too deep, has an object of too many members, or names a
// member of an object twice. The error does not quote it.
func checkShape(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("is not valid UTF-8")
	}
	var stack []nameSet // of the objects and arrays around; nil for an array
	name := false       // the next text is a member's name
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '{', '[':
			if len(stack) == depthLimit {
				return errors.New("is nested too deep")
			}
			var names nameSet
			if name = raw[i] == '{'; name {
				names = make(nameSet)
			}
			stack = append(stack, names)
		case '}', ']':
			stack = stack[:len(stack)-1]
			name = false
		case ',':
			name = len(stack) > 0 && stack[len(stack)-1] != nil
		case '"':
			end := endOfText(raw, i)
			if name {
				if err := addName(stack[len(stack)-1], raw[i:end+1]); err != nil {
					return err
				}
				name = false
			}
			i = end
		}
	}
	return nil
}

// endOfText returns the offset of the quote that ends the text that begins at offset begin.
func endOfText(raw []byte, begin int) int {
	for i := begin + 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(raw) - 1
}

// addName adds the name of a member, in quotes, to those of its object.
func addName(names nameSet, quoted []byte) error {
	name := string(quoted[1 : len(quoted)-1])
	if strings.ContainsRune(name, '\\') {
		if err := json.Unmarshal(quoted, &name); err != nil {
			return errors.New("is not well-formed")
		}
	}
	switch {
	case !names.add(name):
		return errors.New("has a member twice")
	case len(names) > maxMembers:
		return errors.New("has too many members")
	}
	return nil
}
