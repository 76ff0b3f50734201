package launch

import (
	"strings"

	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// ParseFileName takes the name of a file in a plugin directory apart: relais-adapter-{adapter}, or relais-adapter-{adapter}@{label} for
// one of several of the same adapter; a label is a version, most often. ok is false for a name that no adapter's file has.
func ParseFileName(file string) (adapter, label string, ok bool) {
	rest, ours := strings.CutPrefix(file, handshake.FilePrefix)
	adapter, label, labelled := strings.Cut(rest, "@")
	if !ours || !validName(adapter) || labelled && !validLabel(label) {
		return "", "", false
	}
	return adapter, label, true
}

// maxNameLength bounds both parts: the adapter's is one of a resource name, and the whole must be a file name.
const maxNameLength = 63

// validName reports whether a name is one that an adapter may have: lower-case letters, digits and "-", as DescribeResponse.adapter
// says.
func validName(name string) bool {
	odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
	return name != "" && len(name) <= maxNameLength && !strings.ContainsFunc(name, odd)
}

// validLabel reports whether a file's label is one.
func validLabel(label string) bool {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._+-", r)
	}
	return label != "" && len(label) <= maxNameLength && !strings.ContainsFunc(label, odd)
}
