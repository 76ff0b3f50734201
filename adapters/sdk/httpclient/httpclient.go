// Package httpclient gives adapters the two HTTP clients that a marketplace API needs: one for what may be asked again, one for what
// must not.
package httpclient

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// Limits of connections. What an exchange as a whole may take is the caller's deadline.
const (
	dialTimeout         = 10 * time.Second
	tlsTimeout          = 10 * time.Second
	idleTimeout         = 60 * time.Second
	responseHeaderLimit = 64 << 10
	idlePerHost         = 16
)

// New returns a client for reads and one for writes. Both follow the proxy variables, ask for TLS 1.2 or newer and follow no
// redirect: it would send credentials, tokens or a write to an address that no operator configured.
//
// The client for writes takes a new connection for each request and speaks HTTP/1.1 only. On a connection that was kept, net/http
// sends a request a second time when the first attempt found the connection closed; a write must not be sent twice, and after a
// failure the adapter must know whether anything left.
func New() (reads, writes *http.Client) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	dialer := &net.Dialer{Timeout: dialTimeout}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	reads = &http.Client{CheckRedirect: refuse, Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    tlsTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    idlePerHost,
		MaxResponseHeaderBytes: responseHeaderLimit,
		ForceAttemptHTTP2:      true,
	}}
	writes = &http.Client{CheckRedirect: refuse, Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig.Clone(),
		TLSHandshakeTimeout:    tlsTimeout,
		MaxResponseHeaderBytes: responseHeaderLimit,
		DisableKeepAlives:      true,
		// Not nil and empty: no HTTP/2.
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
	return reads, writes
}
