package launch

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/go-plugin"

	"github.com/relaishq/relais/adapters/sdk/handshake"
)

// hello is what the first line of an adapter's standard output says: go-plugin's "core|version|network|address|protocol|cert".
type hello struct {
	core     int    // version of go-plugin's own protocol
	version  int    // version of the plugin protocol
	protocol string // "grpc", or "netrpc" from programs that are not ours
}

// parseHandshake reads the line; false means that it is no handshake at all.
func parseHandshake(line string) (hello, bool) {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 4 {
		return hello{}, false
	}
	core, coreErr := strconv.Atoi(parts[0])
	version, versionErr := strconv.Atoi(parts[1])
	if coreErr != nil || versionErr != nil {
		return hello{}, false
	}
	h := hello{core: core, version: version, protocol: string(plugin.ProtocolNetRPC)}
	if len(parts) > 4 {
		h.protocol = parts[4]
	}
	return h, true
}

// ownHandshake is what this host speaks.
func ownHandshake() hello {
	return hello{core: plugin.CoreProtocolVersion, version: handshake.ProtocolVersion, protocol: string(plugin.ProtocolGRPC)}
}

// compatible reports whether this host can talk to it.
func (h hello) compatible() bool { return h == ownHandshake() }

// String names the protocol for people.
func (h hello) String() string {
	return fmt.Sprintf("relais.adapter.v%d over %.20s (core %d)", h.version, h.protocol, h.core)
}
