// A long link between this machine and a network namespace, made of two TUN devices and this process. Real TCP stacks
// run over it, so handshakes and slow start cost what they cost on the internet. netem would do the same, but not every
// kernel has it. Usage, as root, with iproute2 installed: go run link.go -rtt 50 -mbit 1000
//
// This side has the address 10.201.0.1, the other side 10.201.0.2 in the namespace s3-writable. The program prints
// "ready", and ends when its standard input ends.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Jumbo packets, so that the link itself takes less CPU time.
const mtu = 9000

const namespace = "s3-writable"

type packet struct {
	due  time.Time
	data []byte
}

func main() {
	rtt := flag.Float64("rtt", 50, "round trip, in milliseconds")
	mbit := flag.Float64("mbit", 1000, "megabits a second, each way")
	flag.Parse()
	here, there := tun("s3w0"), tun("s3w1")
	run("netns add " + namespace)
	defer run("netns del " + namespace)
	run("link set s3w1 netns " + namespace)
	up("", "s3w0", "10.201.0.1", "10.201.0.2")
	up("-n "+namespace+" ", "s3w1", "10.201.0.2", "10.201.0.1")
	rate := *mbit * 1e6 / 8
	delay := time.Duration(*rtt * float64(time.Millisecond) / 2)
	go carry(here, there, rate, delay)
	go carry(there, here, rate, delay)
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// carry moves packets to the other side, at most rate bytes a second, each after the delay. It drops packets that do not
// fit into a queue of one bandwidth-delay product, as a router does.
func carry(from, to *os.File, rate float64, delay time.Duration) {
	queue := make(chan packet, 1<<16)
	go func() {
		for one := range queue {
			time.Sleep(time.Until(one.due))
			to.Write(one.data)
		}
	}()
	longest := 2 * delay
	free := time.Now()
	buffer := make([]byte, mtu+64)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if free.Sub(now) > longest {
			continue
		}
		free = free.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		queue <- packet{free.Add(delay), append([]byte(nil), buffer[:n]...)}
	}
}

func tun(name string) *os.File {
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		fail(err)
	}
	// struct ifreq, with the name and the flags.
	var request [40]byte
	copy(request[:], name)
	*(*uint16)(unsafe.Pointer(&request[16])) = syscall.IFF_TUN | syscall.IFF_NO_PI
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&request)))
	if errno == syscall.EBUSY {
		fail(fmt.Errorf("another link is in use, and a machine can have only one: wait until it ends (%s: %w)", name, errno))
	}
	if errno != 0 {
		fail(errno)
	}
	return os.NewFile(uintptr(fd), name)
}

func up(where, device, address, peer string) {
	run(where + "addr add " + address + " peer " + peer + " dev " + device)
	run(fmt.Sprintf("%slink set %s mtu %d txqueuelen 10000 up", where, device, mtu))
}

func run(arguments string) {
	command := exec.Command("ip", strings.Fields(arguments)...)
	command.Stderr = os.Stderr
	if err := command.Run(); err != nil {
		fail(fmt.Errorf("ip %s: %w", arguments, err))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
