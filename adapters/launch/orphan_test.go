package launch_test

import (
	"bufio"
	"cmp"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/relaishq/relais/adapters/sdk/handshake"
)

func TestNoAdapterOutlivesItsHost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		adapter string // "good" where empty
		arg     string
		end     func(host *exec.Cmd, input io.Closer) error
	}{
		{name: "killed", end: func(host *exec.Cmd, _ io.Closer) error { return host.Process.Kill() }},
		{name: "killed, adapter frozen", arg: "freeze-adapter", end: func(host *exec.Cmd, _ io.Closer) error { return host.Process.Kill() }},
		{name: "killed, adapter without lifeline", adapter: "without-lifeline", end: func(host *exec.Cmd, _ io.Closer) error { return host.Process.Kill() }},
		{name: "exits without cleaning up", end: func(_ *exec.Cmd, input io.Closer) error { return input.Close() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.adapter == "without-lifeline" && runtime.GOOS != "linux" {
				t.Skip("only Linux has a parent-death signal")
			}
			host := exec.Command(program(t, hostProgram), program(t, handshake.FilePrefix+cmp.Or(tt.adapter, "good")), shortDir(t), tt.arg)
			input, err := host.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			output, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(output).ReadString('\n')
			pid, convErr := strconv.Atoi(strings.TrimSpace(line))
			if err != nil || convErr != nil {
				_ = host.Process.Kill()
				t.Fatalf("host said %q, %v", line, err)
			}
			if gone(pid) {
				t.Fatal("the adapter is gone before its host")
			}
			if err := tt.end(host, input); err != nil {
				t.Fatal(err)
			}
			_ = host.Wait()
			eventually(t, "end of the adapter", func() bool { return gone(pid) })
		})
	}
}
