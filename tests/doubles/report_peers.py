"""The report's Server.py and Client.py (appendix A.2 and A.3), to be run as programs of their own.

    python tests/doubles/report_peers.py server HOST PORT TABLE ENDPOINT
    python tests/doubles/report_peers.py client HOST PORT ID

Rule: line for line the report's, bugs included; only host, port, table, endpoint and id are parameters, and
the server tells the port it got. The listings' scan lost spaces: `b'u'` in the padding is `b' '`.
"""
# ruff: noqa: PTH123, PTH107, C901, PLR0915 - the shape and its open() and os.remove() are the report's own

import csv
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

HEADER = 64
FORMAT = "utf-8"
DISCONNECT_MESSAGE = "!DISCONNECT"


def report_server(host: str, port: str, table_name: str, endpoint: str) -> None:
    import boto3  # type: ignore[import-untyped] # noqa: PLC0415 - the client's program must not wait for it

    ADDR = (host, int(port))  # noqa: N806 - the report's name
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    server.bind(ADDR)
    # connect to dynamodb
    dynamodb = boto3.resource("dynamodb", region_name="us-east-1", endpoint_url=endpoint)
    table = dynamodb.Table(table_name)

    # create csv
    def write_to_csv(data: list[dict[str, Any]], filename: str) -> None:
        with open(filename, "w", newline="") as csvfile:
            fieldnames = data[0].keys()
            writer = csv.DictWriter(csvfile, fieldnames=fieldnames)
            writer.writeheader()
            for row in data:
                writer.writerow(row)

    # send csv
    def send_csv(conn: socket.socket, filename: str) -> None:
        with open(filename, "rb") as file:
            file_data = file.read()
            message_length = len(file_data)
            send_length = str(message_length).encode(FORMAT)
            send_length += b" " * (HEADER - len(send_length))
            conn.send(send_length)
            conn.send(file_data)

    # server functions
    def handle_client(conn: socket.socket, addr: object) -> None:
        print(f"[NEW CONNECTION]{addr} connected.")
        connected = True
        while connected:
            msg_length: Any = conn.recv(HEADER).decode(FORMAT)
            if msg_length:
                msg_length = int(msg_length)
                msg = conn.recv(msg_length).decode(FORMAT)
                if msg == DISCONNECT_MESSAGE:
                    connected = False
                    print(f"[{addr}] Disconnecting...")
                else:
                    retrieve = table.get_item(Key={"id": int(msg)})
                    item = retrieve.get("Item")
                    if item:
                        data = [item]
                        filename = f"data_{msg}.csv"
                        # Write data to CSV
                        write_to_csv(data, filename)
                        # Send the CSV file to the client
                        send_csv(conn, filename)
                        # Remove the CSV file after sending
                        os.remove(filename)
                    else:
                        item_str = "Item not found"
                        print(f"[{addr}] [{msg}]")
                        conn.send(item_str.encode())
        conn.close()

    print("[STARTING] server is starting")
    server.listen()
    print(f"Server is listening on {server.getsockname()[1]}", flush=True)
    while True:
        conn, addr = server.accept()
        thread = threading.Thread(target=handle_client, args=(conn, addr))
        thread.start()
        print(f"[ACTIVE CONNECTIONS] {threading.active_count() - 1}")


def report_client(host: str, port: str, record_id: str) -> None:
    ADDR = (host, int(port))  # noqa: N806 - the report's name
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.connect(ADDR)

    # receive csv
    def receive_csv(conn: socket.socket, filename: str) -> None:
        msg_length: Any = conn.recv(HEADER).decode(FORMAT)
        if msg_length:
            msg_length = int(msg_length)
            msg = conn.recv(msg_length)
            print(msg.decode(FORMAT))
            with open(filename, "wb") as file:
                file.write(msg)

    # client send
    def send(msg: str) -> None:
        message = msg.encode(FORMAT)
        msg_length = len(message)
        send_length = str(msg_length).encode(FORMAT)
        send_length += b" " * (HEADER - len(send_length))
        client.send(send_length)
        client.send(message)
        if msg != DISCONNECT_MESSAGE:
            filename = f"data_{msg}.csv"
            receive_csv(client, filename)
            with open(filename, "rb") as file:
                file_data = file.read()
                print(file_data)

    send(record_id)
    send(DISCONNECT_MESSAGE)


if __name__ == "__main__":
    programs: dict[str, Callable[..., None]] = {"server": report_server, "client": report_client}
    programs[sys.argv[1]](*sys.argv[2:])
